import { isAlias, isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { findNearest, type GivenSetting, isKnownKey, type SettingSource, settingKeys } from "./settings.ts";
import { isSecretInFile, variableFor } from "./variables.ts";

export interface ReadYaml {
  readonly settings: readonly GivenSetting[];
  readonly problems: readonly string[];
}

interface YamlFile {
  readonly text: string;
  /** As an operator would write it: it stands in messages. */
  readonly path: string;
  readonly directory: string;
  readonly kind: "default" | "file";
}

/** Settings of a YAML file with the line of each. Problems name what cannot be read or has no place there. */
export function readYaml(file: YamlFile): ReadYaml {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    return { settings: [], problems: document.errors.map((error) => `${file.path}: ${error.message.split("\n")[0]}`) };
  }
  const settings: GivenSetting[] = [];
  const problems: string[] = [];
  const placeOf = (node: Node): string => `${file.path}:${lines.linePos(node.range?.[0] ?? 0).line}`;

  const visit = (node: unknown, key: string, place: string): void => {
    if (isMap(node) && !isSetting(key)) {
      for (const { key: name, value } of node.items) {
        const text = isScalar(name) ? String(name.value) : String(name);
        visit(value, key === "" ? text : `${key}.${text}`, isScalar(name) ? placeOf(name) : place);
      }
      return;
    }
    if (isScalar(node) && node.value === null && !isSetting(key)) return; // a section with all its lines commented out
    let value: unknown;
    try {
      value = isAlias(node) ? node.resolve(document)?.toJSON() : isNode(node) ? node.toJS(document) : node;
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      problems.push(
        `${key}: an alias (*) names no anchor (&) above it (${place}): put a text that begins with * in quotes`,
      );
      return;
    }
    const problem = describeMisplaced(key, value, place);
    if (problem !== undefined) problems.push(problem);
    else settings.push({ key, value, source: { kind: file.kind, place, directory: file.directory } });
  };
  visit(document.contents, "", file.path);
  return { settings, problems };
}

/** True where a value stands, false for a section, the root and the list of emoji, whose own entries are the settings. */
function isSetting(key: string): boolean {
  return key !== "feedback.emoji" && isKnownKey(key);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "toJS" in value;
}

function describeMisplaced(key: string, value: unknown, place: string): string | undefined {
  if (key === "")
    return `${place}: the file is not a list of sections; write for example "web:" and below it "  port: 8787"`;
  if (!isKnownKey(key)) return describeUnknownKey(key, place);
  if (!isSecretInFile(key, value)) return undefined;
  return `${key}: a secret stands in a file of settings (${place}): remove it there and set ${variableFor(key)} in .env`;
}

/** The line for a key that does not exist, with the nearest that does. */
export function describeUnknownKey(key: string, place: SettingSource["place"]): string {
  const name = key.split(".").at(-1) ?? key;
  const nearest =
    findNearest(key, settingKeys) ??
    settingKeys.find((known) => known.split(".")[1]?.toLowerCase() === name.toLowerCase());
  const advice = nearest === undefined ? "see config/default.yaml for all settings" : `did you mean ${nearest}?`;
  return `${key}: there is no such setting (${place}): ${advice}`;
}
