import { setImmediate as letOthers } from "node:timers/promises";
import { type Conversation, titleOf } from "#core/conversation.ts";
import type { Feedback } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, readDocument } from "./table.ts";
import { conversationTable, feedbackTable, reportTable, turnTable, userChoiceTable } from "./tables.ts";

/** Rows that are read at once: some milliseconds. */
const PAGE = 100;

interface TurnRow extends DocumentRow {
  readonly id: string;
  readonly asked_at: number;
}

interface FeedbackRow extends DocumentRow {
  readonly turn_id: string;
}

type PersonKey = Readonly<Record<"workspace" | "user", string>>;

export function sqlitePersonReader(sql: Sql): Pick<PrivacyStore, "exportPerson"> {
  const pageTurns = sql.prepare<TurnRow>(`
    SELECT id, asked_at, version, document FROM turn
    WHERE workspace = :workspace AND asker = :user AND is_erased = 0 AND (asked_at, id) > (:afterAskedAt, :afterId)
    ORDER BY asked_at, id LIMIT ${PAGE}`);
  const findConversation = sql.prepare<DocumentRow>("SELECT version, document FROM conversation WHERE id = :id");
  const pageFeedback = sql.prepare<FeedbackRow>(`
    SELECT turn_id, version, document FROM feedback
    WHERE workspace = :workspace AND user_id = :user AND turn_id > :after ORDER BY turn_id LIMIT ${PAGE}`);
  const listReports = sql.prepare<DocumentRow>(`
    SELECT version, document FROM report WHERE workspace = :workspace AND reported_by = :user ORDER BY at, turn_id`);
  const findChoice = sql.prepare<DocumentRow>(
    "SELECT version, document FROM user_choice WHERE workspace = :workspace AND user_id = :user",
  );

  async function readTurns(person: PersonKey): Promise<readonly Turn[]> {
    let after = { afterAskedAt: Number.MIN_SAFE_INTEGER, afterId: "" };
    return inPages(
      () => pageTurns.all({ ...person, ...after }),
      (row) => {
        after = { afterAskedAt: row.asked_at, afterId: row.id };
        return readDocument(turnTable, "of a person", row);
      },
    );
  }

  async function readFeedback(person: PersonKey): Promise<Feedback[]> {
    let after = "";
    return inPages(
      () => pageFeedback.all({ ...person, after }),
      (row) => {
        after = row.turn_id;
        return readDocument(feedbackTable, "of a person", row);
      },
    );
  }

  async function readConversations(turns: readonly Turn[]): Promise<readonly Conversation[]> {
    const titles = new Set(turns.map(({ question }) => titleOf(question)));
    const left = [...new Set(turns.map(({ conversationId }) => conversationId))];
    const conversations = await inPages(
      () => left.splice(0, PAGE),
      (id) => {
        const row = findConversation.get({ id: keyText(id) });
        return row === undefined ? undefined : readDocument(conversationTable, id, row);
      },
    );
    return (
      conversations
        .flatMap((conversation) => conversation ?? [])
        // The title of a shared conversation is somebody else's words unless this person asked first.
        .map((conversation) => (titles.has(conversation.title) ? conversation : { ...conversation, title: "" }))
        .sort((a, b) => a.openedAtMs - b.openedAtMs)
    );
  }

  return {
    async exportPerson(workspaceId, userId) {
      const person = { workspace: keyText(workspaceId), user: keyText(userId) };
      const turns = await readTurns(person);
      const conversations = await readConversations(turns);
      const feedback = (await readFeedback(person)).sort((a, b) => givenAtMs(a) - givenAtMs(b));
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

/** Read page by page: who chats goes in between. */
async function inPages<Row, T>(readPage: () => readonly Row[], read: (row: Row) => T): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const page = readPage();
    for (const row of page) all.push(read(row));
    if (page.length < PAGE) return all;
    await letOthers();
  }
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
