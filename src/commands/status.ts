import pc from "picocolors";
import { LIGHT_EMOJI, type Light } from "#core/readiness.ts";
import { drawBar, type Output, printJson } from "./output.ts";

export interface StatusView {
  /** Undefined when no server answers here. */
  readonly server: { readonly url: string; readonly version: string; readonly model: string } | undefined;
  readonly platforms: readonly { readonly platform: string; readonly isOn: boolean; readonly why: string }[];
  readonly training: string;
  readonly domains: readonly {
    readonly domain: string;
    readonly light: Light;
    readonly progress: number;
    readonly active: string | null;
  }[];
  /** Newest first. */
  readonly runs: readonly {
    readonly id: string;
    readonly domain: string;
    readonly state: string;
    readonly verdict: string | null;
  }[];
}

/** `reactune status` */
export function showStatus(view: StatusView, options: { readonly isJson: boolean }, output: Output): void {
  if (options.isJson) {
    printJson(output, { ...view, server: view.server ?? null });
    return;
  }
  const { server } = view;
  output.print(
    server === undefined
      ? `${pc.yellow("○")} not running (start it with \`reactune\` or \`npm start\`)`
      : `${pc.green("●")} running at ${server.url}, version ${server.version}, model ${server.model}`,
  );
  for (const { platform, isOn, why } of view.platforms) {
    const isServed = isOn && server !== undefined;
    output.print(
      `  ${isServed ? pc.green("●") : pc.dim("○")} ${platform.padEnd(8)} ${isOn && server === undefined ? "on when it runs" : why}`,
    );
  }
  output.print(`  training: ${view.training}`);
  for (const { domain, light, progress, active } of view.domains) {
    const answers = active === null ? "base model" : `adapter ${active.slice(0, 12)}`;
    output.print(
      `  ${LIGHT_EMOJI[light]} ${domain.padEnd(10)} ${drawBar(progress)} ${String(Math.round(progress * 100)).padStart(3)} %  answered by ${answers}`,
    );
  }
  for (const { id, domain, state, verdict } of view.runs)
    output.print(pc.dim(`  ${id} ${domain} ${state}${verdict === null ? "" : `: ${verdict}`}`));
}
