import { execFileSync } from "node:child_process";
import { SetupProblem } from "./problem.mjs";

const VERSION_MIN = [3, 11];
const names = ["python3", "python3.13", "python3.12", "python3.11", "python3.14", "python"];

/** The first Python of at least 3.11. Throws SetupProblem when there is none. */
export function findPython() {
  const chosen = process.env.REACTUNE_PYTHON;
  const seen = [];
  for (const name of chosen ? [chosen] : names) {
    const version = askVersion(name);
    if (version === undefined) continue;
    if (version[0] > VERSION_MIN[0] || (version[0] === VERSION_MIN[0] && version[1] >= VERSION_MIN[1])) {
      return { path: name, version: version.join(".") };
    }
    seen.push(`${name} is ${version.join(".")}`);
  }
  const found = seen.length > 0 ? `only an older one is there (${seen.join(", ")})` : "none was found";
  throw new SetupProblem(
    `Python ${VERSION_MIN.join(".")} or newer is needed and ${found}`,
    "Install it (Debian, Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python), or name one in REACTUNE_PYTHON",
  );
}

function askVersion(program) {
  try {
    const text = execFileSync(program, ["-c", "import sys; print(*sys.version_info[:3])"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 10_000,
    });
    const parts = text.trim().split(" ").map(Number);
    return parts.length === 3 && parts.every(Number.isInteger) ? parts : undefined;
  } catch {
    return undefined;
  }
}
