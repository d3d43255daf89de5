import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineRecord, type Upcasters } from "#store/record-codec.ts";

interface Note {
  readonly id: string;
  readonly words: readonly string[];
  readonly colour?: string;
}

const schema = z.object({ id: z.string(), words: z.array(z.string()), colour: z.exactOptional(z.string()) });
/** Version 1 had one text, version 2 a list under another name. */
const upcasters: Upcasters = new Map<number, (fields: unknown) => unknown>([
  [
    1,
    (fields) => ({
      ...z
        .looseObject({ text: z.string() })
        .transform(({ text, ...rest }) => ({ ...rest, list: [text] }))
        .parse(fields),
    }),
  ],
  [
    2,
    (fields) => ({
      ...z
        .looseObject({ list: z.unknown() })
        .transform(({ list, ...rest }) => ({ ...rest, words: list }))
        .parse(fields),
    }),
  ],
]);
const noteRecord = defineRecord<Note>()({ kind: "note", version: 3, schema, upcasters });

describe("decode()", () => {
  test("lifts records of every older version", () => {
    const note = { id: "n1", words: ["hello"] };

    expect(noteRecord.decode("n1", 3, note)).toEqual(note);
    expect(noteRecord.decode("n1", 2, { id: "n1", list: ["hello"] })).toEqual(note);
    expect(noteRecord.decode("n1", 1, { id: "n1", text: "hello" })).toEqual(note);
  });

  test("throws StoreTooNewError when a newer program wrote the record", () => {
    expect(() => noteRecord.decode("n1", 4, { id: "n1", words: [] })).toThrow(
      expect.objectContaining({ code: "STORE_TOO_NEW", message: expect.stringContaining("4") }),
    );
  });

  test.each([undefined, null, [], "text", { id: "n1" }, { id: 1, words: [] }, { id: "n1", words: [], colour: null }])(
    "throws RecordInvalidError with the reason when the fields are %j",
    (fields) => {
      expect(() => noteRecord.decode("n1", 3, fields)).toThrow(
        expect.objectContaining({ code: "RECORD_INVALID", cause: expect.any(z.ZodError) }),
      );
    },
  );

  test("drops fields that it does not know", () => {
    const hostile = JSON.parse('{"id":"n1","words":[],"extra":1,"__proto__":{"colour":"red"}}');

    expect(noteRecord.decode("n1", 3, hostile)).toEqual({ id: "n1", words: [] });
  });
});

describe("encode()", () => {
  test("writes equal records as equal text, whatever the order of their fields", () => {
    const text = noteRecord.encode({ colour: "red", words: ["a"], id: "n1" });

    expect(text).toBe('{"id":"n1","words":["a"],"colour":"red"}');
  });

  test("throws RecordInvalidError when the record could not be read back", () => {
    const dates = defineRecord<{ readonly atMs: number }>()({
      kind: "date",
      version: 1,
      schema: z.object({ atMs: z.number() }),
    });

    expect(() => dates.encode({ atMs: Number.POSITIVE_INFINITY })).toThrow(
      expect.objectContaining({ code: "RECORD_INVALID" }),
    );
  });
});
