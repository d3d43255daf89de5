import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { type Domain, GENERAL_DOMAIN } from "#core/domain.ts";
import { ConfigInvalidError } from "#core/errors.ts";

/** Texts of all languages together, or by language code so that people find their way in the file. */
const texts = z
  .union([z.array(z.string().trim().min(1).max(500)), z.record(z.string(), z.array(z.string().trim().min(1).max(500)))])
  .transform((value) => (Array.isArray(value) ? value : Object.values(value).flat()));

const idPattern = /^[a-z][a-z0-9-]{0,31}$/;

const domainsSchema = z.strictObject({
  domains: z.record(
    z.string().regex(idPattern),
    z.strictObject({
      description: z.string().trim().min(1).max(500),
      keywords: texts.default([]),
      examples: texts.default([]),
    }),
  ),
});

/** The subject areas of `assistant.domainsFile`, `general` added where it is missing. Throws ConfigInvalidError. */
export function readDomains(path: string): readonly Domain[] {
  let content: unknown;
  try {
    content = parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigInvalidError(
      [`assistant.domainsFile: "${path}" cannot be read as YAML: check the path and the file`],
      { cause },
    );
  }
  const parsed = domainsSchema.safeParse(content);
  if (!parsed.success) throw new ConfigInvalidError(parsed.error.issues.map((issue) => describeIssue(path, issue)));
  const domains = Object.entries(parsed.data.domains).map(([id, domain]) => ({ id, ...domain }));
  if (domains.some(({ id }) => id === GENERAL_DOMAIN)) return domains;
  return [...domains, { id: GENERAL_DOMAIN, description: "Everything else", keywords: [], examples: [] }];
}

function describeIssue(path: string, issue: z.core.$ZodIssue): string {
  const key = issue.path.map(String).join(".") || "domains";
  const name = issue.path[1];
  if (typeof name === "string" && issue.path.length === 2 && !idPattern.test(name)) {
    return `${key}: "${name}" is not a domain's name (${path}): use small letters, digits and hyphens, at most 32`;
  }
  return `${key}: ${issue.message} (${path}): compare with config/domains.yaml`;
}
