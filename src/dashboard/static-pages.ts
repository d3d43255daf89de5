import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import type { Handler } from "hono";
import { Hono } from "hono";
import { compress } from "hono/compress";

interface StaticFile {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly type: string;
}

const TYPES: ReadonlyMap<string, string> = new Map([
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".svg", "image/svg+xml"],
  [".png", "image/png"],
  [".json", "application/json"],
  [".webmanifest", "application/manifest+json"],
]);

/** Addresses of pages; the script of the one document tells them apart. */
const PAGES: ReadonlySet<string> = new Set(["/", "/setup"]);

/**
 * The built pages. They are read once and served by exact name from memory, so no request ever becomes a path.
 * Files below assets/ carry a hash of their content in their name and are kept by browsers for ever.
 */
export function staticPages(directory: string): Hono {
  const app = new Hono();
  let files: Promise<ReadonlyMap<string, StaticFile>> | undefined;
  const readOnce = () => {
    files ??= readFiles(directory);
    return files;
  };
  const serve: Handler = async (context) => {
    const path = PAGES.has(context.req.path) ? "/index.html" : context.req.path;
    const file = (await readOnce()).get(path);
    if (file === undefined && path === "/index.html") return context.text(NOT_BUILT, 503);
    if (file === undefined) return context.text("Not found", 404);
    context.header("Content-Type", file.type);
    context.header("Cache-Control", path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache");
    return context.body(file.body);
  };
  app.use(compress());
  app.get("*", serve);
  return app;
}

const NOT_BUILT = "The pages are not built yet. Run `npm run build` and start again.\n";

/** Empty when the folder is not there. */
async function readFiles(directory: string): Promise<ReadonlyMap<string, StaticFile>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, StaticFile>();
  for (const entry of entries) {
    const type = TYPES.get(extname(entry.name));
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const body = new Uint8Array(await readFile(path));
    files.set(`/${relative(directory, path).split(sep).join("/")}`, { body, type });
  }
  return files;
}
