import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AdapterHost } from "../adapter-host.ts";

const DIGEST = /^[0-9a-f]{64}$/;

/** Adapters in a folder that other machines read too. `unload` ends after the adapter's last stream, when no server holds it. */
export function peftFolders(directory: string, unload: (adapterDigest: string) => Promise<void>): AdapterHost {
  return {
    async listHosted() {
      try {
        return (await readdir(directory)).filter((name) => DIGEST.test(name));
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return []; // nothing was written yet
        throw error;
      }
    },
    async removeHosted(digest) {
      await unload(digest);
      if (DIGEST.test(digest)) await rm(join(directory, digest), { recursive: true, force: true });
    },
  };
}
