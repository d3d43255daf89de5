import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("."),
  plugins: [react()],
  // `source` maps #core/x.ts to src/ (package.json "imports").
  resolve: { conditions: ["source", ...defaultClientConditions] },
  build: {
    outDir: here("../../../dist/pages"),
    emptyOutDir: true,
    target: ["chrome123", "firefox120", "safari17.5"],
    // The policy of the pages allows no inline script and no data: address for one.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": "http://127.0.0.1:7860" } },
});
