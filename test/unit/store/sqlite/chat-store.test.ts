import { expect, test } from "vitest";
import { RecordInvalidError } from "#core/errors.ts";
import { chatStoreContract } from "../../../contract/chat-store.ts";
import { sampleConversation, sampleTurn } from "../../../contract/sample-records.ts";
import { openTempStore } from "./temp-store.ts";

chatStoreContract(async () => openTempStore().chat);

test("saveAnswer() writes nothing of an answer when one of its records does not fit", async () => {
  const { chat } = openTempStore();
  const turn = { ...sampleTurn({ id: "t1" }), position: 0.5 };

  await expect(chat.saveAnswer({ conversation: sampleConversation(), turn })).rejects.toBeInstanceOf(
    RecordInvalidError,
  );
  expect(await chat.findConversation(sampleConversation().id)).toBeUndefined();
});
