import type { z } from "zod";

/** What a schema's own parser decides: it fits otherwise than as plain JSON, or not at all. */
export const MISFIT: unique symbol = Symbol("misfit");

/** A copy with the schema's fields only, in their order, or `MISFIT`. */
export type CopyRecord = (value: unknown) => unknown;

/**
 * As the schema parses, for values that fit, in a fraction of the time: parsing tells where something is wrong, which hardly ever is.
 * Kinds of schema that are not known here are parsed by themselves.
 */
export function compileCopy(schema: z.core.$ZodType): CopyRecord {
  const known = schema as z.core.$ZodTypes;
  const { def } = known._zod;
  if ("checks" in def && (def.checks?.length ?? 0) > 0) return parseBy(schema);
  switch (def.type) {
    case "string":
      return onlyIf((value) => typeof value === "string");
    case "boolean":
      return onlyIf((value) => typeof value === "boolean");
    case "number":
      return copyNumber(schema, "format" in def ? def.format : undefined);
    case "enum":
      return onlyOneOf(Object.values(def.entries));
    case "literal":
      return onlyOneOf(def.values);
    case "array":
      return copyItems(compileCopy(def.element));
    case "object":
      return def.catchall === undefined ? copyFields(def.shape) : parseBy(schema);
    default:
      return parseBy(schema);
  }
}

function onlyIf(fits: (value: unknown) => boolean): CopyRecord {
  return (value) => (fits(value) ? value : MISFIT);
}

function onlyOneOf(values: readonly unknown[]): CopyRecord {
  const allowed = new Set(values);
  return onlyIf((value) => allowed.has(value));
}

function copyNumber(schema: z.core.$ZodType, format: unknown): CopyRecord {
  if (format === undefined) return onlyIf(Number.isFinite);
  return format === "safeint" ? onlyIf(Number.isSafeInteger) : parseBy(schema);
}

function copyItems(copy: CopyRecord): CopyRecord {
  return (value) => {
    if (!Array.isArray(value)) return MISFIT;
    const items: unknown[] = [];
    for (const item of value) {
      const copied = copy(item);
      if (copied === MISFIT) return MISFIT;
      items.push(copied);
    }
    return items;
  };
}

interface Field {
  readonly name: string;
  readonly isOptional: boolean;
  readonly copy: CopyRecord;
}

function copyFields(shape: Readonly<Record<string, z.core.$ZodType>>): CopyRecord {
  const fields = Object.entries(shape).map(([name, schema]): Field => {
    const { def } = (schema as z.core.$ZodTypes)._zod;
    const isOptional = def.type === "optional";
    return { name, isOptional, copy: compileCopy(isOptional ? def.innerType : schema) };
  });
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return MISFIT;
    const source = value as Readonly<Record<string, unknown>>;
    const record: Record<string, unknown> = {};
    for (const { name, isOptional, copy } of fields) {
      const field = source[name];
      if (field === undefined) {
        if (isOptional && !(name in source)) continue;
        return MISFIT;
      }
      const copied = copy(field);
      if (copied === MISFIT) return MISFIT;
      record[name] = copied;
    }
    return record;
  };
}

function parseBy(schema: z.core.$ZodType): CopyRecord {
  const { safeParse } = schema as z.ZodType;
  return (value) => {
    const parsed = safeParse(value);
    return parsed.success ? parsed.data : MISFIT;
  };
}
