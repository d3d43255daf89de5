import { z } from "zod";
import { configSchema, expectedForms } from "./schema.ts";

/** One value of one setting, as one source gives it. `key` is dotted: "trainer.rank". */
export interface GivenSetting {
  readonly key: string;
  readonly value: unknown;
  readonly source: SettingSource;
}

export interface SettingSource {
  readonly kind: "default" | "preset" | "file" | "env-file" | "environment" | "flag";
  /** Where to change it: "reactune.yaml:12", ".env:3", "LORA_RANK", "--set trainer.rank". */
  readonly place: string;
  /** Relative paths in the value start here. */
  readonly directory: string;
}

type Shape = Readonly<Record<string, z.core.$ZodType>>;

const sections: Shape = configSchema.shape;

/** Keys below which any name may stand (emoji). */
const openKeys: readonly string[] = ["feedback.emoji"];

/** Every setting's dotted key, in the order of the schema. */
export const settingKeys: readonly string[] = Object.entries(sections).flatMap(([section, schema]) =>
  Object.keys(shapeOf(schema)).map((key) => `${section}.${key}`),
);

export function isKnownKey(key: string): boolean {
  return settingKeys.includes(key) || openKeys.some((open) => key.startsWith(`${open}.`));
}

/** The schema of one setting; undefined for an unknown key. */
export function schemaOf(key: string): z.core.$ZodType | undefined {
  const open = openKeys.find((candidate) => key.startsWith(`${candidate}.`));
  const [section = "", name = ""] = (open ?? key).split(".");
  const parent = Object.hasOwn(sections, section) ? sections[section] : undefined;
  if (parent === undefined) return undefined;
  const shape = shapeOf(parent);
  const found = Object.hasOwn(shape, name) ? shape[name] : undefined;
  return open !== undefined && found instanceof z.ZodRecord ? found.valueType : found;
}

/** What a setting accepts, in words: "a whole number from 1 to 256". */
export function describeExpected(key: string): string {
  const form = expectedForms.get(key);
  if (form !== undefined) return form;
  const schema = schemaOf(key);
  return schema === undefined ? "nothing: there is no such setting" : describeSchema(jsonSchemaOf(schema));
}

/** The known name nearest to a misspelt one; undefined when none is near. */
export function findNearest(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(name.length / 4));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function shapeOf(schema: z.core.$ZodType): Shape {
  return schema instanceof z.ZodObject ? schema.shape : {};
}

interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}

function jsonSchemaOf(schema: z.core.$ZodType): JsonSchema {
  return z.toJSONSchema(schema, { unrepresentable: "any", io: "input" }) as JsonSchema;
}

function describeSchema(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(describeSchema).join(" or ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum !== undefined) return `one of ${schema.enum.join(", ")}`;
  if (schema.type === "boolean") return "true or false";
  if (schema.type === "integer") return `a whole number${describeRange(schema)}`;
  if (schema.type === "number") return `a number${describeRange(schema)}`;
  if (schema.type === "object") return "a list of names with their values";
  return schema.maxLength === undefined ? "a text" : `a text of 1 to ${schema.maxLength} characters`;
}

function describeRange({ minimum, maximum }: JsonSchema): string {
  return minimum === undefined || maximum === undefined ? "" : ` from ${minimum} to ${maximum}`;
}

/** Levenshtein's distance: single-character insertions, deletions and replacements from one text to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line += 1) {
    const next = [line];
    for (let column = 1; column <= to.length; column += 1) {
      const replace = (row[column - 1] ?? 0) + (from[line - 1] === to[column - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
