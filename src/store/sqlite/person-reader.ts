import { titleOf } from "#core/conversation.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, readDocument } from "./table.ts";
import { conversationTable, feedbackTable, reportTable, turnTable, userChoiceTable } from "./tables.ts";

export function sqlitePersonReader(sql: Sql): Pick<PrivacyStore, "exportPerson"> {
  const listTurns = sql.prepare<DocumentRow>(`
    SELECT version, document FROM turn WHERE workspace = :workspace AND asker = :user AND is_erased = 0
    ORDER BY asked_at, id`);
  const findConversation = sql.prepare<DocumentRow>("SELECT version, document FROM conversation WHERE id = :id");
  const listFeedback = sql.prepare<DocumentRow>(
    "SELECT version, document FROM feedback WHERE workspace = :workspace AND user_id = :user",
  );
  const listReports = sql.prepare<DocumentRow>(`
    SELECT version, document FROM report WHERE workspace = :workspace AND reported_by = :user ORDER BY at, turn_id`);
  const findChoice = sql.prepare<DocumentRow>(
    "SELECT version, document FROM user_choice WHERE workspace = :workspace AND user_id = :user",
  );

  return {
    async exportPerson(workspaceId, userId) {
      const person = { workspace: keyText(workspaceId), user: keyText(userId) };
      const turns = listTurns.all(person).map((row) => readDocument(turnTable, "of a person", row));
      const titles = new Set(turns.map(({ question }) => titleOf(question)));
      const conversations = [...new Set(turns.map(({ conversationId }) => conversationId))]
        .flatMap((id) => {
          const row = findConversation.get({ id: keyText(id) });
          return row === undefined ? [] : [readDocument(conversationTable, id, row)];
        })
        // The title of a shared conversation is somebody else's words unless this person asked first.
        .map((conversation) => (titles.has(conversation.title) ? conversation : { ...conversation, title: "" }))
        .sort((a, b) => a.openedAtMs - b.openedAtMs);
      const feedback = listFeedback
        .all(person)
        .map((row) => readDocument(feedbackTable, "of a person", row))
        .sort((a, b) => givenAtMs(a) - givenAtMs(b));
      const reports = listReports.all(person).map((row) => readDocument(reportTable, "of a person", row));
      const choice = findChoice.get(person);
      return {
        turns,
        conversations,
        feedback,
        reports,
        ...(choice === undefined ? {} : { choice: readDocument(userChoiceTable, userId, choice) }),
      };
    },
  };
}

interface Moments {
  readonly scoreAtMs: number;
  readonly commentAtMs: number;
  readonly correctionAtMs: number;
}

/** The newest of what was said; a field that was never set stands at 0. */
function givenAtMs({ scoreAtMs, commentAtMs, correctionAtMs }: Moments): number {
  return Math.max(scoreAtMs, commentAtMs, correctionAtMs);
}
