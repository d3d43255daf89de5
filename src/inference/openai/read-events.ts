/** Longest line that is kept: a stream without line ends must not fill the memory. */
const LINE_MAX_CHARS = 1_000_000;

/**
 * The data of server-sent events, as these servers write them: one `data:` line per event. Ends with the stream; whether it
 * ended as it should, the caller sees from the data.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split(/\r\n|\n|\r/);
    rest = lines.pop() ?? "";
    if (rest.length > LINE_MAX_CHARS)
      throw new Error(`A line of the stream is longer than ${LINE_MAX_CHARS} characters`);
    for (const line of lines) if (line.startsWith("data:")) yield line.slice("data:".length).trimStart();
  }
}
