// `npm start`: installs what is missing, then runs the program in this very process. Built-ins of Node only: on a fresh
// clone there is nothing else.
import { requireNode } from "./setup/require-node.mjs";

requireNode();
const { start } = await import("./setup/start-program.mjs");
await start(process.argv.slice(2));
