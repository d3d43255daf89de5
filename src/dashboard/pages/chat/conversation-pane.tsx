import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { AppState } from "#dashboard/api-records.ts";
import { FailureNote } from "../parts/failure-note.tsx";
import { Icon } from "../parts/icons.tsx";
import { type ChatState, isAnswering } from "./chat-state.ts";
import { CommandView } from "./command-view.tsx";
import { Composer } from "./composer.tsx";
import { ExchangeView } from "./exchange-view.tsx";
import { type Exchange, groupExchanges } from "./exchanges.ts";
import type { ChatActions } from "./use-chat.ts";
import { Welcome } from "./welcome.tsx";

interface ConversationPaneProps {
  readonly app: AppState;
  readonly chat: ChatState;
  readonly actions: ChatActions;
  readonly titleOf: (domain: string) => string;
}

/** A slash and a word; "/etc/hosts: what is it?" is a question. */
const COMMAND = /^\/[a-z-]*(\s|$)/;
/** Closer to the end than this many pixels, the page follows the growing reply. */
const FOLLOW_PX = 120;

export function ConversationPane({ app, chat, actions, titleOf }: ConversationPaneProps) {
  const exchanges = groupExchanges(chat.turns, chat.drafts);
  const answering = isAnswering(chat);
  const stop = stoppable(chat, actions);
  const { box, isAway, follow, onScroll } = useFollow(chat, exchanges.length + chat.commands.length);
  const commandsBelow = (count: number) =>
    chat.commands
      .filter(({ below }) => Math.min(below, exchanges.length) === count)
      .map((run) => <CommandView key={run.id} run={run} actions={actions} />);
  const isEmpty =
    exchanges.length === 0 && chat.commands.length === 0 && !chat.isLoading && chat.loadError === undefined;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which the keyboard must reach */}
      <section className="log" aria-label="Messages" tabIndex={0} ref={box} onScroll={onScroll}>
        <div className="log-column">
          {chat.loadError !== undefined && <FailureNote error={chat.loadError} />}
          {chat.isLoading && exchanges.length === 0 && <p className="loading">Opening the conversation…</p>}
          {isEmpty && <Welcome state={app} onAsk={actions.send} />}
          {commandsBelow(0)}
          {exchanges.map((exchange, index) => (
            <div key={exchange.key}>
              {isNewConversation(exchanges[index - 1], exchange) && <p className="divider">New conversation</p>}
              <ExchangeView
                exchange={exchange}
                live={chat.live}
                titleOf={titleOf}
                canRegenerate={!answering}
                actions={actions}
              />
              {commandsBelow(index + 1)}
            </div>
          ))}
        </div>
      </section>
      <div className="composer-dock">
        {isAway && exchanges.length > 0 && (
          <button type="button" className="to-newest" onClick={follow} aria-label="Go to the newest message">
            <Icon name="down" />
          </button>
        )}
        <Composer
          charsMax={app.messageCharsMax}
          assistantName={app.assistantName}
          isAnswering={answering}
          onStop={stop}
          onSend={(text) => {
            follow();
            if (COMMAND.test(text)) actions.command(text.trim(), exchanges.length);
            else actions.send(text);
          }}
          complete={actions.complete}
        />
        <p className="small-print">
          {app.assistantName} can be wrong. Reactions and corrections are learned from, on this machine.
        </p>
      </div>
      <Announcer chat={chat} />
    </>
  );
}

function isNewConversation(before: Exchange | undefined, exchange: Exchange): boolean {
  return (
    before?.conversationId !== undefined &&
    exchange.conversationId !== undefined &&
    before.conversationId !== exchange.conversationId
  );
}

function stoppable(chat: ChatState, actions: ChatActions): (() => void) | undefined {
  const turn = chat.turns.find((item) => item.status === "streaming");
  const messageId = turn?.messageId ?? chat.drafts.find((draft) => draft.messageId !== undefined)?.messageId;
  return messageId === undefined ? undefined : () => actions.stop(messageId);
}

/** Keeps the newest words in sight unless the reader has scrolled up. */
function useFollow(chat: ChatState, entries: number) {
  const box = useRef<HTMLDivElement>(null);
  // A welcome is read from its beginning.
  const hasEntries = useRef(false);
  hasEntries.current = entries > 0;
  const isFollowing = useRef(true);
  const [isAway, setAway] = useState(false);
  const toEnd = () => box.current?.scrollTo({ top: hasEntries.current ? box.current.scrollHeight : 0 });

  // biome-ignore lint/correctness/useExhaustiveDependencies: new words move the end
  useLayoutEffect(() => {
    if (isFollowing.current) toEnd();
  }, [chat.live, chat.turns, entries]);

  // A turned phone, a shown keyboard, an opened explanation: the end moves without new words.
  useEffect(() => {
    const element = box.current;
    const column = element?.firstElementChild;
    if (element === null || column === null || column === undefined) return;
    const observer = new ResizeObserver(() => {
      if (isFollowing.current && hasEntries.current) element.scrollTo({ top: element.scrollHeight });
    });
    observer.observe(element);
    observer.observe(column);
    return () => observer.disconnect();
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another conversation is read from its end
  useEffect(() => {
    isFollowing.current = true;
    toEnd();
  }, [chat.conversationId]);

  return {
    box,
    isAway,
    follow() {
      isFollowing.current = true;
      setAway(false);
      toEnd();
    },
    onScroll() {
      const element = box.current;
      if (element === null) return;
      const isNear = element.scrollHeight - element.scrollTop - element.clientHeight < FOLLOW_PX;
      isFollowing.current = isNear;
      setAway(!isNear);
    },
  };
}

/** Says to screen readers that a reply is being written, and then the whole reply once: not every word of it. */
function Announcer({ chat }: { readonly chat: ChatState }) {
  const answering = isAnswering(chat);
  const wasAnswering = useRef(false);
  const [words, setWords] = useState("");
  useEffect(() => {
    if (answering) setWords("Writing a reply");
    // What was erased or left is not to be read out again.
    else if (wasAnswering.current || chat.turns.length === 0) setWords(chat.turns.at(-1)?.reply ?? "");
    wasAnswering.current = answering;
  }, [answering, chat.turns]);
  return (
    <div className="sr-only" role="status" aria-live="polite" data-testid="announcer">
      {words}
    </div>
  );
}
