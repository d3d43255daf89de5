import { ALL_DOMAINS, type LearningScope } from "#core/scope.ts";

/**
 * Text as a key column, the same for the same text only. libsql cuts text at NUL and lone surrogates are no UTF-8: both
 * are written as in JSON; all usual ids stay as they are.
 */
export function keyText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

export function keyTextOrNull(text: string | undefined): string | null {
  return text === undefined ? null : keyText(text);
}

/** For key columns, which cannot be NULL: nothing is `null`, text stands in quotes. */
export function optionalKey(text: string | undefined): string {
  return JSON.stringify(text ?? null);
}

/** One column for both, so that no id can imitate another audience. */
export function audienceColumn(workspaceId: string, audience: string): string {
  return JSON.stringify([workspaceId, audience]);
}

export function scopeColumns(scope: LearningScope): { readonly audience: string; readonly domain: string } {
  return { audience: audienceColumn(scope.workspaceId, scope.audience), domain: keyText(scope.domain) };
}

export function parseScopeColumns(audience: string, domain: string): LearningScope {
  const [workspaceId, name] = JSON.parse(audience) as [string, string];
  return { workspaceId, audience: name, domain: JSON.parse(`"${domain}"`) as string };
}

/** For records that belong to one domain or to a whole audience: `*` asks for all of the audience. */
export const IN_SCOPE = `audience = :audience AND (:domain = '${ALL_DOMAINS}' OR domain = :domain)`;

/** The UTC day, counted from 1970. */
export function dayOf(atMs: number): number {
  return Math.floor(atMs / 86_400_000);
}
