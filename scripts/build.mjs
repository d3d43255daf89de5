// `npm run build`: src/ to dist/. Set-up does the same when the source has changed.
import { buildProgram } from "./setup/build-program.mjs";

const startedAtMs = Date.now();
try {
  await buildProgram();
  console.log(`Built dist/ in ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s`);
} catch (error) {
  console.error(error.tail ?? error);
  process.exitCode = 1;
}
