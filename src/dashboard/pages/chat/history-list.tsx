import type { ConversationView } from "#dashboard/api-records.ts";
import { formatAgo } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";

/** Its words were erased. */
export const UNTITLED = "Conversation without a title";

interface HistoryListProps {
  readonly conversations: readonly ConversationView[];
  readonly openId: string | undefined;
  readonly titleOf: (domain: string) => string;
  readonly onNew: () => void;
  readonly onPick: () => void;
}

export function HistoryList({ conversations, openId, titleOf, onNew, onPick }: HistoryListProps) {
  const nowMs = Date.now();
  return (
    <>
      <button type="button" className="button new-conversation" onClick={onNew}>
        <Icon name="plus" />
        New conversation
      </button>
      <nav className="history" aria-label="Conversations">
        {conversations.length === 0 && <p className="history-empty">Your conversations will be listed here.</p>}
        <ul>
          {conversations.map((conversation) => (
            <li key={conversation.id}>
              <a
                href={`#/c/${encodeURIComponent(conversation.id)}`}
                aria-current={conversation.id === openId ? "page" : undefined}
                onClick={onPick}
              >
                <span className="history-title">{conversation.title || UNTITLED}</span>
                <span className="history-facts">
                  {titleOf(conversation.domain)} · {formatAgo(conversation.lastTurnAtMs, nowMs)}
                </span>
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </>
  );
}
