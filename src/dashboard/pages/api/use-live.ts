import { useEffect, useRef, useState } from "react";
import type { ServerEvent } from "#dashboard/api-records.ts";
import { openLiveEvents } from "./live-events.ts";

export type Connection = "connecting" | "open" | "lost";

/** The live stream, for as long as the component lives; both functions may change with every render. */
export function useLive(onEvent: (event: ServerEvent) => void, onOpen: () => void): Connection {
  const [connection, setConnection] = useState<Connection>("connecting");
  const newest = useRef({ onEvent, onOpen });
  newest.current = { onEvent, onOpen };
  useEffect(
    () =>
      openLiveEvents({
        onEvent: (event) => newest.current.onEvent(event),
        onOpen() {
          setConnection("open");
          newest.current.onOpen();
        },
        onLost: () => setConnection("lost"),
      }),
    [],
  );
  return connection;
}
