import type { ServerEvent } from "#dashboard/api-records.ts";

export interface LiveListener {
  onEvent(event: ServerEvent): void;
  /** Also after every interruption: what happened meanwhile has to be read again. */
  onOpen(): void;
  onLost(): void;
}

const KINDS: readonly ServerEvent["kind"][] = ["reply", "turn", "notice", "run", "learning"];
const RETRY_MS = 2000;

/** Keeps one stream open until the returned function is called. */
export function openLiveEvents(listener: LiveListener): () => void {
  let source: EventSource | undefined;
  let timer: number | undefined;
  let isEnded = false;

  const connect = (): void => {
    const opened = new EventSource("/api/events");
    source = opened;
    opened.onopen = () => listener.onOpen();
    opened.onerror = () => {
      if (isEnded) return;
      listener.onLost();
      // The browser comes back by itself after a cut, but not after a refusal.
      if (opened.readyState === EventSource.CLOSED) timer = window.setTimeout(connect, RETRY_MS);
    };
    for (const kind of KINDS) {
      opened.addEventListener(kind, (message: MessageEvent<string>) => {
        listener.onEvent(JSON.parse(message.data) as ServerEvent);
      });
    }
  };

  connect();
  return () => {
    isEnded = true;
    window.clearTimeout(timer);
    source?.close();
  };
}
