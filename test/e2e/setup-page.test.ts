import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openSetup } from "#commands/setup-credentials.ts";
import { createDashboard } from "#dashboard/dashboard.ts";
import { buildPages, hasBrowser, mustHaveBrowser, openBrowser } from "../fixtures/dashboard/open-browser.ts";
import { openWorld } from "../fixtures/dashboard/open-world.ts";
import { DISCORD_TOKEN, openPlatformPeer } from "../fixtures/setup/platform-peer.ts";

/** Strings, since these run in the page and tests are checked without a browser's types. */
const FOCUSED = "document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent ?? ''";
const OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth";

describe.runIf(hasBrowser || mustHaveBrowser)("the set-up page in a browser (needs browser)", () => {
  let pages: Awaited<ReturnType<typeof buildPages>>;
  let browser: Browser;
  beforeAll(async () => {
    pages = await buildPages();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await pages.remove();
  });

  async function openPage(): Promise<{ page: Page; envPath: string }> {
    const peer = await openPlatformPeer();
    const workingDirectory = await mkdtemp(join(tmpdir(), "reactune-setup-page-"));
    const envPath = join(workingDirectory, ".env");
    const setup = openSetup({
      workingDirectory,
      envPath,
      environment: {},
      discordApiUrl: peer.discordApiUrl,
      slack: { apiUrl: peer.slackApiUrl, mode: "auto" },
      answering: { engine: "auto", preset: "custom", hasHosts: false },
      readManifest: async () => "display_information:\n  name: Reactune\n",
      now: Date.now,
    });
    const world = await openWorld({ pagesDirectory: pages.directory });
    const listening = await createDashboard({ ...world.parts, setup }).listen("127.0.0.1", 0);
    const context = await browser.newContext({ viewport: { width: 1000, height: 800 } });
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes("422")) errors.push(message.text());
    });
    onTestFinished(async () => {
      await context.close();
      await listening.close();
      await world.close();
      await peer.close();
      expect(errors).toEqual([]);
    });
    await page.goto(`${listening.url}/setup`);
    await page.getByRole("heading", { name: "Set up Discord and Slack" }).waitFor();
    await page.getByLabel("Discord bot token").waitFor();
    return { page, envPath };
  }

  const discord = (page: Page) => page.getByRole("region", { name: /^Discord/ });

  test("a token is tested, saved, cleared from its field, and shown nowhere after a reload", async () => {
    const { page, envPath } = await openPage();
    await discord(page).getByText("off: set DISCORD_TOKEN in .env").waitFor();
    await page.getByLabel("Discord bot token").fill(DISCORD_TOKEN);
    expect(await page.getByLabel("Discord bot token").getAttribute("type")).toBe("password");

    await page.getByRole("button", { name: "Test and save Discord" }).click();

    await discord(page).getByText("Wrote DISCORD_TOKEN. Start Reactune again to use it").waitFor();
    await discord(page).getByText("the Message Content intent is on").waitFor();
    expect(await page.getByLabel("Discord bot token").inputValue()).toBe("");
    expect(await readFile(envPath, "utf8")).toContain(DISCORD_TOKEN);
    await page.reload();
    await discord(page).getByText(`Now: set (${DISCORD_TOKEN.length} characters) in .env`).waitFor();
    expect(await page.content()).not.toContain(DISCORD_TOKEN.slice(0, 12));
    const answering = page.getByRole("region", { name: /^Who answers/ });
    await answering.getByText("Any other OpenAI-compatible server").waitFor();
    const invite = await page.getByRole("link", { name: "Invite the bot into a server" }).getAttribute("href");
    expect(invite).toContain("permissions=309237746752");
  });

  test("what the platform refuses is said in words, and nothing is written", async () => {
    const { page, envPath } = await openPage();
    await page.getByLabel("Discord bot token").fill(DISCORD_TOKEN.replaceAll("s", "t"));

    await page.getByRole("button", { name: "Test and save Discord" }).click();

    await discord(page).getByText("Nothing was written: mend what is marked").waitFor();
    await discord(page)
      .getByText(/Discord does not know this token.*Reset Token/)
      .waitFor();
    await expect(readFile(envPath)).rejects.toThrow("ENOENT");
  });

  test("a value of the wrong form is refused with where to copy it from", async () => {
    const { page } = await openPage();
    await page.getByLabel("Slack bot token").fill("wrong");

    await page.getByRole("button", { name: "Test Slack only" }).click();

    await page
      .getByRole("alert")
      .getByText(/SLACK_BOT_TOKEN is not a Slack bot token.*OAuth & Permissions/)
      .waitFor();
  });

  test("the keyboard alone fills the form and saves it", async () => {
    const { page, envPath } = await openPage();
    for (let presses = 0; presses < 20; presses++) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate<string>(FOCUSED)).includes("Discord bot token")) break;
    }
    await page.keyboard.type(DISCORD_TOKEN);
    await page.keyboard.press("Enter");

    await discord(page).getByText("Wrote DISCORD_TOKEN").waitFor();
    expect(await readFile(envPath, "utf8")).toContain(DISCORD_TOKEN);
  });

  test("on a phone nothing scrolls sideways", async () => {
    const { page } = await openPage();
    await page.setViewportSize({ width: 360, height: 740 });

    expect(await page.evaluate<number>(OVERFLOW)).toBeLessThanOrEqual(0);
  });

  test.each(["light", "dark"] as const)(
    "axe finds nothing in the %s theme, before and after a test",
    async (scheme) => {
      const { page } = await openPage();
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      const check = async () => {
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
      };
      await check();
      await page.getByLabel("Discord bot token").fill(DISCORD_TOKEN.replaceAll("s", "t"));
      await page.getByRole("button", { name: "Test Discord only" }).click();
      await discord(page)
        .getByText(/Discord does not know this token/)
        .waitFor();
      await check();
    },
  );
});
