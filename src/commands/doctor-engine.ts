import { ConfigInvalidError } from "#core/errors.ts";
import { type Finding, failure, ok, warning } from "./doctor-finding.ts";
import type { ServerInspection } from "./doctor-servers.ts";

/** Of one server that answers people; `name` is its kind. */
export interface EngineInspection extends ServerInspection {
  readonly name: string;
}

/** Asks every server that answers people. Rejects with ConfigInvalidError when the settings do not name one. */
export type InspectEngine = () => Promise<readonly EngineInspection[]>;

/** Servers that answer people: reached, the key accepted, the model there, and what they do with adapters. */
export async function checkEngine(inspect: InspectEngine): Promise<readonly Finding[]> {
  try {
    return (await inspect()).flatMap(({ name, found, problems }) =>
      problems.length === 0
        ? [ok(name, found)]
        : problems.map((problem) => warning(name, `${found}${problem.found}`, problem.fix)),
    );
  } catch (error) {
    if (!(error instanceof ConfigInvalidError)) throw error;
    return error.problems.map((problem) => {
      const [found = problem, fix = "see config/default.yaml"] = splitRemedy(problem);
      return failure("Engine", found, fix);
    });
  }
}

/** "what is wrong: what to do" */
function splitRemedy(problem: string): readonly string[] {
  const end = problem.lastIndexOf(": ");
  return end < 0 ? [problem] : [problem.slice(0, end), problem.slice(end + 2)];
}
