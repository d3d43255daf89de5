const NODE_MIN = [20, 19];

/** Ends the process with a sentence when Node is too old. Old Nodes read this file: no newer syntax here. */
export function requireNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  console.error(
    `Cannot start: Node.js is ${process.versions.node}, and ${NODE_MIN.join(".")} or newer is needed. ` +
      "Install it from your package manager or with a version manager, then run the same command again",
  );
  process.exit(1);
}
