import { ALL_DOMAINS, type LearningScope } from "#core/scope.ts";

/** Text as a key, the same for the same text only: lone surrogates are no UTF-8 and are written as in JSON, as NUL is. */
export function keyText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

export function keyTextOrNull(text: string | undefined): string | null {
  return text === undefined ? null : keyText(text);
}

/** What `keyText` wrote. */
export function readKeyText(key: string): string {
  return JSON.parse(`"${key}"`) as string;
}

/** One key of several parts, so that no part can imitate another. */
export function keyOf(...parts: readonly (string | number | undefined)[]): string {
  return JSON.stringify(parts.map((part) => part ?? null));
}

/** One key for both: audiences of workspaces are apart. */
export function audienceKey(workspaceId: string, audience: string): string {
  return keyOf(workspaceId, audience);
}

export function scopeKeys(scope: LearningScope): { readonly audience: string; readonly domain: string } {
  return { audience: audienceKey(scope.workspaceId, scope.audience), domain: keyText(scope.domain) };
}

export function readScopeKeys(audience: string, domain: string): LearningScope {
  const [workspaceId, name] = JSON.parse(audience) as [string, string];
  return { workspaceId, audience: name, domain: readKeyText(domain) };
}

/** For records that belong to one domain or to a whole audience: `*` asks for all of the audience. */
export function inScope(scope: LearningScope): { readonly audience: string; readonly domain?: string } {
  const { audience, domain } = scopeKeys(scope);
  return scope.domain === ALL_DOMAINS ? { audience } : { audience, domain };
}

/** The UTC day, counted from 1970. */
export function dayOf(atMs: number): number {
  return Math.floor(atMs / 86_400_000);
}
