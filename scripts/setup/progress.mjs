const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;
/** Without a terminal a long step says that it lives this often. */
const PLAIN_EVERY_MS = 15_000;
const BAR_WIDTH = 20;

/**
 * Shows steps that may run side by side: one moving line each on a terminal, plain lines elsewhere. Writes to standard
 * error, because standard output belongs to the program that follows.
 */
export function createProgress({ stream = process.stderr, quiet = false } = {}) {
  const isTerminal = Boolean(stream.isTTY) && !process.env.CI;
  const running = new Set();
  let drawnLines = 0;
  let timer;

  const write = (text) => {
    if (!quiet) stream.write(text);
  };
  const erase = () => {
    if (drawnLines > 0) write(`\u001b[${drawnLines}A\u001b[J`);
    drawnLines = 0;
  };
  const draw = () => {
    erase();
    const width = Math.max(20, stream.columns || 80);
    for (const step of running) write(`${renderStep(step).slice(0, width - 1)}\n`);
    drawnLines = running.size;
  };
  const print = (line) => {
    if (isTerminal) erase();
    write(`${line}\n`);
    if (isTerminal) draw();
  };
  const stop = (step, line) => {
    running.delete(step);
    clearInterval(step.plainTimer);
    print(line);
    if (running.size === 0) clearInterval(timer);
  };

  return {
    print,
    /** Begins a step; end it with done(), skip() or fail(). */
    start(title) {
      const step = { title, detail: "", ratio: undefined, startedAtMs: Date.now() };
      const seconds = () => `${((Date.now() - step.startedAtMs) / 1000).toFixed(1)} s`;
      if (isTerminal) {
        if (running.size === 0) timer = setInterval(draw, FRAME_MS);
        running.add(step);
        draw();
      } else {
        write(`- ${title} ...\n`);
        step.plainTimer = setInterval(
          () => write(`  ${title}: ${step.detail || "still running"} (${seconds()})\n`),
          PLAIN_EVERY_MS,
        );
        step.plainTimer.unref();
      }
      return {
        update(detail, ratio) {
          step.detail = detail;
          step.ratio = ratio;
        },
        done: (detail = "") => stop(step, `✓ ${title}${detail && `: ${detail}`} (${seconds()})`),
        fail: (detail) => stop(step, `✗ ${title}: ${detail}`),
      };
    },
  };
}

function renderStep({ title, detail, ratio, startedAtMs }) {
  const elapsedMs = Date.now() - startedAtMs;
  const frame = frames[Math.floor(elapsedMs / FRAME_MS) % frames.length];
  const filled = ratio === undefined ? 0 : Math.round(Math.min(1, ratio) * BAR_WIDTH);
  const bar = ratio === undefined ? "" : ` ${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)}`;
  return `${frame} ${title}${bar} ${detail} ${Math.floor(elapsedMs / 1000)} s`;
}
