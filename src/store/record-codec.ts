import type { z } from "zod";
import { RecordInvalidError, StoreTooNewError } from "#core/errors.ts";
import { compileCopy, MISFIT } from "./copy-record.ts";

/** How one kind of record is written and read: JSON by one schema, older versions lifted step by step. */
export interface RecordKind<T> {
  readonly kind: string;
  readonly version: number;
  /** Rejects what could not be read back: throws RecordInvalidError when the record does not fit its own schema. */
  encode(record: T): string;
  /** Throws StoreTooNewError when a newer program wrote it, RecordInvalidError when the fields do not fit. */
  decode(id: string, version: number, value: unknown): T;
}

/** Lifts the fields of version `n` to version `n + 1`; keyed by `n`. */
export type Upcasters = ReadonlyMap<number, (fields: unknown) => unknown>;

/** Every key, at every depth: a schema that forgot an optional field would drop it in silence. */
type Shape<T> = T extends readonly (infer Item)[]
  ? readonly Shape<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]-?: Shape<T[Key]> }
    : T;
type SameShape<A, B> = [Shape<A>] extends [Shape<B>] ? ([Shape<B>] extends [Shape<A>] ? unknown : never) : never;

/** `defineRecord<Turn>()({ kind, version, schema, upcasters })`; the schema must have exactly the fields of the record. */
export function defineRecord<T>() {
  return <S extends z.ZodType<T>>(definition: {
    readonly kind: string;
    readonly version: number;
    readonly schema: S & SameShape<z.output<S>, T>;
    readonly upcasters?: Upcasters;
  }): RecordKind<T> => {
    const { kind, version, upcasters = new Map() } = definition;
    const schema: z.ZodType<T> = definition.schema;

    const copy = compileCopy(schema);

    function parse(id: string, value: unknown): T {
      const copied = copy(value);
      if (copied !== MISFIT) return copied as T;
      const parsed = schema.safeParse(value);
      if (!parsed.success) throw new RecordInvalidError(kind, id, { cause: parsed.error });
      return parsed.data;
    }

    return {
      kind,
      version,
      encode(record) {
        // Written as it will be read: nothing is kept that would not come back, and equal records are equal text.
        const copied = copy(record);
        if (copied !== MISFIT) return JSON.stringify(copied);
        // A field that is there without a value is not written: JSON decides what is left of the record.
        return JSON.stringify(parse("that is to be saved", JSON.parse(JSON.stringify(record))));
      },
      decode(id, found, value) {
        if (found > version) throw new StoreTooNewError(`${kind} "${id}"`, found, version);
        return parse(id, lift(upcasters, value, found, version));
      },
    };
  };
}

function lift(upcasters: Upcasters, value: unknown, from: number, to: number): unknown {
  let fields = value;
  for (let version = from; version < to; version += 1) {
    const upcast = upcasters.get(version);
    // Without a way up the schema decides: it then says which fields are missing.
    if (upcast !== undefined) fields = upcast(fields);
  }
  return fields;
}
