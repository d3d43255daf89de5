import type { RequestListener } from "node:http";
import {
  type App,
  HTTPReceiver,
  type Receiver,
  type ReceiverEvent,
  SocketModeReceiver,
  type webApi,
} from "@slack/bolt";
import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import { sdkLogger } from "./sdk-logger.ts";
import { refusalOf } from "./slack-refusals.ts";
import { reasonOf } from "./until-reached.ts";

/**
 * Bolt acknowledges an event before its listeners run. Here the acknowledgement is held back until they are done: they store the
 * event, so what Slack was told arrived is in the store. A listener that fails leaves the event unacknowledged, and Slack sends
 * it again. Commands and buttons acknowledge by themselves.
 */
export function acknowledgeAfterwards(receiver: Receiver, log: Log): Receiver {
  async function receive(app: App, event: ReceiverEvent): Promise<void> {
    if (event.body["event"] === undefined) return await app.processEvent(event);
    try {
      await app.processEvent({ ...event, ack: async () => {} });
    } catch (error) {
      log.error({ err: error, eventId: event.body["event_id"] }, "slack.event-failed");
      throw error;
    }
    await event.ack();
  }
  return {
    init(app) {
      receiver.init(Object.create(app, { processEvent: { value: (event: ReceiverEvent) => receive(app, event) } }));
    },
    start: (...args) => receiver.start(...args),
    stop: (...args) => receiver.stop(...args),
  };
}

/** Bolt refuses requests that are too old. One from the future is refused here: else it could be sent again until its time comes. */
const AHEAD_SECONDS_MAX = 300;

export function refuseFuture(listener: RequestListener, now: Now): RequestListener {
  return (request, response) => {
    const seconds = Number(request.headers["x-slack-request-timestamp"]);
    if (seconds > now() / 1000 + AHEAD_SECONDS_MAX) {
      response.writeHead(401).end();
      return;
    }
    listener(request, response);
  };
}

type InstallOptions = Pick<
  ConstructorParameters<typeof HTTPReceiver>[0],
  "clientId" | "clientSecret" | "stateSecret" | "installationStore" | "scopes" | "installerOptions"
>;

export interface HttpParts {
  readonly signingSecret: string;
  /** Undefined: only the pages of an installation are served. */
  readonly takesEvents: boolean;
  readonly install: InstallOptions | undefined;
  readonly now: Now;
  readonly log: Log;
}

export function openHttpReceiver({ signingSecret, takesEvents, install, now, log }: HttpParts): HTTPReceiver {
  const receiver = new HTTPReceiver({
    signingSecret,
    // Without an endpoint nothing that would be signed is listened to.
    signatureVerification: takesEvents,
    endpoints: takesEvents ? ["/slack/events"] : [],
    logger: sdkLogger(log),
    ...install,
  });
  receiver.requestListener = refuseFuture(receiver.requestListener, now);
  return receiver;
}

export interface SocketParts {
  readonly appToken: string;
  readonly apiUrl: string | undefined;
  readonly now: Now;
  readonly log: Log;
}

/** Waits between two tries to connect. Bolt's own waits begin at 5 s, in which events wait for Slack's retries. */
const RECONNECT_FIRST_MS = 100;
const RECONNECT_MAX_MS = 30_000;
/** A socket that ends sooner was turned away: another one at once would be, too. */
const STEADY_MS = 200;

export interface SocketLine {
  readonly receiver: Receiver;
  isConnected(): boolean;
  /** Resolves when connected. Rejects as the SDK does: without an error when Slack ends the socket before it began. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function openSocketLine({ appToken, apiUrl, now, log }: SocketParts): SocketLine {
  const clientOptions: webApi.WebClientOptions = {
    ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
    retryConfig: { retries: 0 },
  };
  const receiver = new SocketModeReceiver({
    appToken,
    logger: sdkLogger(log),
    autoReconnectEnabled: false,
    installerOptions: { clientOptions },
    processEventErrorHandler: async () => false,
  });
  let isStopped = false;
  let isConnected = false;
  let connectedAtMs = 0;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    await receiver.client.start();
    isConnected = !isStopped;
    connectedAtMs = now();
    if (isStopped) await receiver.client.disconnect();
  }

  function reconnect(): void {
    if (isConnected && now() - connectedAtMs >= STEADY_MS) failures = 0;
    isConnected = false;
    if (isStopped || timer !== undefined) return;
    const waitMs = Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** failures);
    timer = setTimeout(() => {
      timer = undefined;
      failures++;
      connect().then(
        () => log.info({}, "slack.reconnected"),
        (error: unknown) => {
          log.warn({ reason: reasonOf(refusalOf(error, "open a socket")), failures }, "slack.reconnect-failed");
          reconnect();
        },
      );
    }, waitMs);
  }

  return {
    receiver,
    isConnected: () => isConnected,
    async start() {
      await connect();
      receiver.client.on("disconnected", reconnect);
    },
    async stop() {
      isStopped = true;
      isConnected = false;
      clearTimeout(timer);
      receiver.client.removeAllListeners("disconnected");
      await Promise.race([receiver.client.disconnect(), new Promise((done) => setTimeout(done, STOP_MS).unref())]);
    },
  };
}

/** Slack may never finish the goodbye of a socket. */
const STOP_MS = 1000;
