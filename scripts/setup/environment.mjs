import { SetupProblem } from "./problem.mjs";

/** Set-up's own switches. They are no settings of the program (src/config reads those). */
export const isOffline = () => process.env.REACTUNE_OFFLINE === "1" || process.env.REACTUNE_OFFLINE === "true";

/** Throws SetupProblem when downloads are switched off. */
export function requireDownloads(what) {
  if (!isOffline()) return;
  throw new SetupProblem(
    `${what} is missing and REACTUNE_OFFLINE forbids downloads`,
    "Unset REACTUNE_OFFLINE and run the same command once with internet",
  );
}
