import type { Span } from "@opentelemetry/api";
import { sha256 } from "./identity.ts";

export interface Tracing {
  /** The same object; each call of these methods is a span, from the call to what it resolves with. */
  watch<T extends object>(name: string, object: T, methods: readonly (keyof T & string)[]): T;
  /** The same for methods that return a stream: a span from its first piece asked for to its last, which notes when the first came. */
  watchStreams<T extends object>(name: string, object: T, methods: readonly (keyof T & string)[]): T;
  /**
   * A span under which all others of this call stand. Its trace is named by the turn's id alone, so that processes which work on one
   * message, at the same time or after a kill, tell of one trace; `traceIdOf` finds it from a line of the log.
   */
  answer<T>(turnId: string, attributes: Readonly<Record<string, string>>, act: () => Promise<T>): Promise<T>;
  /** Sends what is left. */
  close(): Promise<void>;
}

/** For programs that nobody traces: everything passes through untouched. */
export const noTracing: Tracing = {
  watch: (_name, object) => object,
  watchStreams: (_name, object) => object,
  answer: (_turnId, _attributes, act) => act(),
  close: async () => {},
};

const SEND_MAX_MS = 5000;

/** The trace of a turn: 32 hex digits. */
export function traceIdOf(turnId: string): string {
  return sha256(turnId).slice(0, 32);
}

/** Sends spans to an OpenTelemetry collector by OTLP over HTTP. Spans hold ids, times and names; no word of anybody. */
export async function openTracing(options: {
  /** `http://127.0.0.1:4318`; `/v1/traces` is added. */
  readonly url: string;
  readonly version: string;
  /** `bots`, `trainer`, `dashboard`, or several with a plus. */
  readonly role: string;
}): Promise<Tracing> {
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace-node"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
  ]);
  const url = new URL("v1/traces", options.url.endsWith("/") ? options.url : `${options.url}/`).href;
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFromAttributes({
      "service.name": "reactune",
      "service.version": options.version,
      "service.instance.id": `${options.role}-${process.pid}`,
    }),
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url, timeoutMillis: SEND_MAX_MS }))],
  });
  provider.register(); // for the context that follows asynchronous calls
  const tracer = provider.getTracer("reactune", options.version);
  const { SpanStatusCode, TraceFlags } = api;

  function fail(span: Span, error: unknown): void {
    // The message may hold people's words; the class does not.
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : "unknown" });
  }

  return {
    watch: (name, object, methods) =>
      intercept(object, methods, (method, call) =>
        tracer.startActiveSpan(`${name}.${method}`, async (span) => {
          try {
            return await call();
          } catch (error) {
            fail(span, error);
            throw error;
          } finally {
            span.end();
          }
        }),
      ),
    watchStreams: (name, object, methods) =>
      intercept(object, methods, async function* (method, call) {
        const span = tracer.startSpan(`${name}.${method}`);
        let isFirst = true;
        try {
          for await (const piece of call() as AsyncIterable<unknown>) {
            if (isFirst) span.addEvent("first piece");
            isFirst = false;
            yield piece;
          }
        } catch (error) {
          fail(span, error);
          throw error;
        } finally {
          span.end();
        }
      }),
    answer(turnId, attributes, act) {
      const root = api.trace.setSpanContext(api.ROOT_CONTEXT, {
        traceId: traceIdOf(turnId),
        spanId: sha256(turnId).slice(32, 48),
        traceFlags: TraceFlags.SAMPLED,
        isRemote: true,
      });
      return tracer.startActiveSpan("answer", { attributes: { turnId, ...attributes } }, root, async (span) => {
        try {
          return await act();
        } catch (error) {
          fail(span, error);
          throw error;
        } finally {
          span.end();
        }
      });
    },
    async close() {
      await provider.shutdown().catch(() => {}); // a collector that is away must not keep the program
    },
  };
}

/** Calls of these methods go through `around`; everything else, private state too, is the object's own. */
function intercept<T extends object>(
  object: T,
  methods: readonly string[],
  around: (method: string, call: () => unknown) => unknown,
): T {
  const intercepted = new Set<string | symbol>(methods);
  return new Proxy(object, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      if (!intercepted.has(key)) return value.bind(target);
      return (...args: readonly unknown[]) => around(String(key), () => value.apply(target, args));
    },
  });
}
