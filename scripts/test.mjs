// `npm test`: the same set-up as `npm start`, then every test that needs no server. Arguments go to vitest.
// REACTUNE_REQUIRE_PEERS=browser,python makes a missing peer an error. The last line is "N passed, N failed".
import { requireNode } from "./setup/require-node.mjs";

requireNode();
const { test } = await import("./testing/test-command.mjs");
process.exitCode = await test(process.argv.slice(2));
