import { titleOf } from "#core/conversation.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import type { Collections, TurnRow } from "./collections.ts";
import { givenAtMs } from "./erase-person.ts";
import { keyOf, keyText } from "./keys.ts";
import { holds } from "./records.ts";
import { readFeedback } from "./turn-writer.ts";

export function mongoPersonReader(rows: Collections): Pick<PrivacyStore, "exportPerson"> {
  return {
    async exportPerson(workspaceId, userId) {
      const workspace = keyText(workspaceId);
      const user = keyText(userId);
      const turns = await rows.turn.list({ workspace, asker: user, is_erased: 0 }, { sort: { asked_at: 1, key: 1 } });
      const titles = new Set(turns.map(({ question }) => titleOf(question)));
      const ids = [...new Set(turns.map(({ conversationId }) => keyText(conversationId)))];
      const conversations = ids.length === 0 ? [] : await rows.conversation.list({ _id: { $in: ids } });
      const rated = await rows.turnRow
        .find({ givers: holds(keyOf(workspaceId, userId)) }, { feedback: 1 })
        .lean<TurnRow[]>();
      const feedback = rated
        .flatMap(readFeedback)
        .filter((item) => item.userId === userId && item.workspaceId === workspaceId);
      const reports = await rows.report.list({ workspace, reported_by: user }, { sort: { at: 1, turn: 1 } });
      const choice = await rows.userChoice.find(keyOf(workspaceId, userId));
      return {
        turns,
        conversations: conversations
          // The title of a shared conversation is somebody else's words unless this person asked first.
          .map((conversation) => (titles.has(conversation.title) ? conversation : { ...conversation, title: "" }))
          .sort((a, b) => a.openedAtMs - b.openedAtMs),
        feedback: feedback.sort((a, b) => givenAtMs(a) - givenAtMs(b)),
        reports,
        ...(choice === undefined ? {} : { choice }),
      };
    },
  };
}
