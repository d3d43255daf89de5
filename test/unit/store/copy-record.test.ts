import { expect, test } from "vitest";
import { z } from "zod";
import { compileCopy, MISFIT } from "#store/copy-record.ts";
import { conversationRecord, inboxEventRecord } from "#store/record-chat.ts";
import { sampleConversation, sampleMessage } from "../../contract/sample-records.ts";

const schema = z.object({
  id: z.string(),
  count: z.int(),
  share: z.number(),
  isOpen: z.boolean(),
  kind: z.enum(["one", "two"]),
  score: z.exactOptional(z.literal([1, 2, 3])),
  note: z.exactOptional(z.string()),
  items: z.array(z.object({ name: z.string() })),
  domain: z.string().refine((id) => id !== "*"),
});
const copy = compileCopy(schema);
const whole = {
  id: "a",
  count: 1,
  share: 0.5,
  isOpen: true,
  kind: "one",
  score: 2,
  note: "n",
  items: [{ name: "x" }],
  domain: "d",
};
const { score: _, note: __, ...least } = whole;

test.each([
  ["every field", whole],
  ["only what must be there", least],
  ["fields in another order and more of them", { more: 1, ...Object.fromEntries(Object.entries(whole).reverse()) }],
  ["more fields inside", { ...whole, items: [{ name: "x", more: 1 }] }],
])("compileCopy() gives the same text as the schema when there is %s", (_name, value) => {
  expect(JSON.stringify(copy(value))).toBe(JSON.stringify(schema.parse(value)));
});

test.each([
  ["a text is a number", { ...whole, id: 1 }],
  ["a whole number is broken", { ...whole, count: 1.5 }],
  ["a whole number is too large", { ...whole, count: 2 ** 60 }],
  ["a number is none", { ...whole, share: Number.NaN }],
  ["a flag is a number", { ...whole, isOpen: 1 }],
  ["a word is not of the list", { ...whole, kind: "three" }],
  ["a score is too high", { ...whole, score: 4 }],
  ["an optional field has no value", { ...whole, note: undefined }],
  ["a list is an object", { ...whole, items: {} }],
  ["an item is wrong", { ...whole, items: [{ name: 1 }] }],
  ["a field is missing", { ...whole, id: undefined }],
  ["a check fails", { ...whole, domain: "*" }],
  ["it is a list", [whole]],
  ["it is nothing", null],
])("compileCopy() is a misfit, as for the schema, when %s", (_name, value) => {
  expect(copy(value)).toBe(MISFIT);
  expect(schema.safeParse(value).success).toBe(false);
});

test("compileCopy() leaves to the schema what it does not know", () => {
  const trimmed = z.object({ name: z.string().trim(), other: z.union([z.string(), z.int()]) });

  expect(compileCopy(trimmed)({ name: " a ", other: 3 })).toEqual({ name: "a", other: 3 });
  expect(compileCopy(trimmed)({ name: " a ", other: 3.5 })).toBe(MISFIT);
});

test("encode() gives back what decode() reads, without what a record does not have", () => {
  const event = { id: "e", message: sampleMessage(), state: "received", attempts: 0, receivedAtMs: 1 } as const;
  const wider = { ...event, message: { ...event.message, joinedMessageIds: ["m2"] } };

  expect(inboxEventRecord.encode(wider)).toBe(inboxEventRecord.encode(event));
  const conversation = sampleConversation();
  expect(conversationRecord.decode("c", 1, JSON.parse(conversationRecord.encode(conversation)))).toEqual(conversation);
});
