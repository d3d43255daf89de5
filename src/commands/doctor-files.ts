import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { access, mkdir, open, readFile, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Config } from "#config/schema.ts";
import { describeError } from "#core/errors.ts";
import { type Finding, failure, formatBytes, ok, warning } from "./doctor-finding.ts";

const assetSchema = z.object({ members: z.array(z.object({ to: z.string(), sha256: z.string() })).min(1) });

const INSTALL = "Run `npm start`: it downloads and checks what is missing";

/** The base model: there, a GGUF file and, for the default one, whole. */
export async function checkModel(programDirectory: string, model: Config["inference"]["model"]): Promise<Finding> {
  const name = "Model";
  if (model.startsWith("hf:")) return ok(name, `${model}, downloaded at the first start`);
  if (model.startsWith("ollama:")) return ok(name, `${model}, as Ollama pulled it`);
  if (model !== "default") {
    const problem = await describeBrokenGguf(model);
    return problem === undefined
      ? ok(name, `${model}, ${formatBytes((await stat(model)).size)}`)
      : failure(name, `${model}: ${problem}`, "Set inference.model to the path of a GGUF file, or to default");
  }
  const { members } = await readAsset(join(programDirectory, "scripts", "setup", "model-asset.json"));
  const [member] = members;
  if (member === undefined)
    return failure(name, "scripts/setup/model-asset.json names no file", "Install Reactune again");
  const path = join(programDirectory, ".assets", member.to);
  if (!existsSync(path))
    return warning(name, "SmolLM2-135M-Instruct is missing: a tiny stand-in answers instead", INSTALL);
  const problem = (await describeBrokenGguf(path)) ?? (await describeWrongDigest(path, member.sha256));
  if (problem === undefined)
    return ok(name, `SmolLM2-135M-Instruct, ${formatBytes((await stat(path)).size)}, SHA-256 is right`);
  return failure(name, `${path}: ${problem}`, `Delete that file; then: ${INSTALL}`);
}

/** Without it the cache knows exact questions only, and routing keywords only. */
export async function checkEmbedder(programDirectory: string): Promise<Finding> {
  const name = "Embedding model";
  const schema = z.object({ embedder: assetSchema });
  const { embedder } = schema.parse(
    JSON.parse(await readFile(join(programDirectory, "scripts", "embedder-asset.json"), "utf8")),
  );
  for (const { to, sha256 } of embedder.members) {
    const path = join(programDirectory, ".assets", "embedder", to);
    if (!existsSync(path))
      return warning(name, `${to} is missing: questions are compared by their words only`, INSTALL);
    const problem = await describeWrongDigest(path, sha256);
    if (problem !== undefined) return failure(name, `${path}: ${problem}`, `Delete that file; then: ${INSTALL}`);
  }
  return ok(name, `${embedder.members.map(({ to }) => to).join(", ")}, SHA-256 is right`);
}

/** Charts and pictures lose all text without a font file. */
export async function checkFonts(programDirectory: string): Promise<Finding> {
  const path = join(programDirectory, "node_modules", "dejavu-fonts-ttf", "ttf", "DejaVuSans.ttf");
  return (await exists(path)) ? ok("Fonts", "DejaVu Sans") : failure("Fonts", `${path} is missing`, "Run `npm start`");
}

/** The data folder can be written, and the database in it opens. `openDatabase` opens and closes the file at a path. */
export async function checkData(
  { directory }: Config["data"],
  openDatabase: (path: string) => Promise<void>,
): Promise<Finding> {
  const name = "Data";
  const fix = "Give your user the right to write there, or set data.directory to another folder";
  const probe = join(directory, `.doctor-${process.pid}`);
  const problem = await describeUnwritable(directory, probe);
  if (problem !== undefined) return failure(name, `${directory} cannot be written: ${problem}`, fix);
  const path = join(directory, "reactune.db");
  const isNew = !existsSync(path);
  // A database that is not there yet is tried under another name: doctor leaves nothing behind.
  const tried = isNew ? `${probe}.db` : path;
  try {
    await openDatabase(tried);
    return ok(
      name,
      isNew ? `${directory} can be written; no database yet` : `${path}, ${formatBytes((await stat(path)).size)}`,
    );
  } catch (error) {
    return failure(
      name,
      `${path} does not open: ${describeError(error)}`,
      "Restore it from an export, or move it away to start anew",
    );
  } finally {
    if (isNew) {
      for (const suffix of ["", "-wal", "-shm"]) await rm(`${tried}${suffix}`, { force: true });
      await rmdir(directory).catch(() => undefined); // only where it is empty: then nobody needs it yet
    }
  }
}

/** Undefined when a file can be made, written to the disk and removed again. */
async function describeUnwritable(directory: string, probe: string): Promise<string | undefined> {
  try {
    await mkdir(directory, { recursive: true });
    const file = await open(probe, "wx");
    await file.sync();
    await file.close();
    await rm(probe);
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}

async function readAsset(path: string): Promise<z.infer<typeof assetSchema>> {
  return assetSchema.parse(JSON.parse(await readFile(path, "utf8")));
}

/** Undefined when the file begins like a GGUF file. */
async function describeBrokenGguf(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
      return bytesRead === 4 && buffer.toString("latin1") === "GGUF" ? undefined : "it is not a GGUF file";
    } finally {
      await file.close();
    }
  } catch (error) {
    return `it cannot be read (${describeError(error)})`;
  }
}

async function describeWrongDigest(path: string, sha256: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex") === sha256 ? undefined : "its SHA-256 is wrong, so it is damaged or another file";
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
