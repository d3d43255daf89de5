import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of package.json. */
export const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/[\\/]$/, "");
/** Everything that set-up makes and can make again, except node_modules and dist. */
export const assets = join(root, ".assets");
export const dist = join(root, "dist");

/** A path below the repository. */
export const inRoot = (...parts) => join(root, ...parts);
