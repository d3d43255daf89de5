/** Lets waiting chat go first, then goes on; rejects with the signal's reason when cancelled. */
export async function breathe(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}
