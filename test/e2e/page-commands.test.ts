import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createDashboard } from "#dashboard/dashboard.ts";
import { buildPages, hasBrowser, mustHaveBrowser, openBrowser } from "../fixtures/dashboard/open-browser.ts";
import { openWorld } from "../fixtures/dashboard/open-world.ts";
import { openTerminalCommands } from "../unit/commands/terminal-commands.ts";

/** A folder to keep pictures of the pages in, to look at. */
const PICTURES = process.env["PAGE_PICTURES"];
const OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth";
const ACTIVE = `document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))?.textContent ?? ""`;

describe.runIf(hasBrowser || mustHaveBrowser)("commands in the web chat (needs browser)", () => {
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

  async function openPage() {
    const world = await openWorld({ pagesDirectory: pages.directory });
    const chatCommands = await openTerminalCommands(world);
    const listening = await createDashboard({ ...world.parts, chatCommands }).listen("127.0.0.1", 0);
    const context = await browser.newContext({ viewport: { width: 1100, height: 860 }, acceptDownloads: true });
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    onTestFinished(async () => {
      await context.close();
      await listening.close();
      await world.close();
      expect(errors).toEqual([]);
    });
    await page.goto(listening.url);
    const box = page.getByLabel("Message to Reactune");
    await box.waitFor();
    return {
      world,
      page,
      box,
      choices: page.getByRole("option"),
      result: page.locator(".command").last(),
      async ask(question: string) {
        await box.fill(question);
        await page.keyboard.press("Enter");
        await page.locator(".facts").last().waitFor();
      },
      async feedback() {
        const [conversation] = await world.store.chat.listConversations({ workspaceId: "local:home", limit: 1 });
        const [turn] = await world.store.chat.listHistory(conversation?.id ?? "", 1);
        return turn === undefined ? [] : await world.store.chat.listFeedback(turn.id);
      },
    };
  }

  test("a slash opens the commands; keys choose, take and send, and the result stands in the chat", async () => {
    const { page, box, choices, result, ask, feedback } = await openPage();
    await ask("Where is my order?");

    await box.pressSequentially("/");
    await expect.poll(() => choices.count()).toBeGreaterThan(10);
    await box.pressSequentially("r");
    await expect.poll(() => page.evaluate<string>(ACTIVE)).toMatch(/^\/rate/);
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => page.evaluate<string>(ACTIVE)).toMatch(/^\/regenerate/);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Tab");
    expect(await box.inputValue()).toBe("/rate ");
    await page.getByText("/rate [score 1-5] [comment…]").waitFor();
    await expect.poll(() => choices.allTextContents()).toHaveLength(5);
    for (let presses = 0; presses < 4; presses++) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(await box.inputValue()).toBe("/rate 4 ");
    await page.keyboard.press("Enter");

    await result.getByText("Scored 4").waitFor();
    expect(await feedback()).toMatchObject([{ score: 4, source: "command" }]);
    await expect.poll(() => page.locator(".score[aria-pressed=true]").allTextContents()).toEqual(["🙂"]);
    expect(await page.locator(".question").allTextContents()).toHaveLength(2);
  });

  test("Escape closes the list, and a path is a question", async () => {
    const { page, box, choices, ask } = await openPage();
    await box.pressSequentially("/he");
    await choices.first().waitFor();

    await page.keyboard.press("Escape");

    await expect.poll(() => choices.count()).toBe(0);
    await ask("/etc/hosts: what is it?");
    expect(await page.locator(".command").count()).toBe(0);
  });

  test("/status shows its bars as a picture, with a text for who does not see it", async () => {
    const { page, box, result } = await openPage();

    await box.fill("/status");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");

    const picture = result.getByRole("img", { name: /^Readiness of all domains: conversations 0 of/ });
    await picture.waitFor();
    expect(await page.evaluate<number>("document.querySelector('.command-picture').naturalWidth")).toBeGreaterThan(200);
  });

  test("a form, a confirmation and a file come by commands, and refusing changes nothing", async () => {
    const { page, box, result, ask, feedback, world } = await openPage();
    const send = async (line: string) => {
      await box.fill(line);
      await page.keyboard.press("Escape");
      await page.keyboard.press("Enter");
    };
    await ask("Where is my plum?");

    await send("/teach");
    await page.locator(".command textarea").fill("In the kitchen");
    await page.getByRole("button", { name: "Send", exact: true }).first().click();
    await expect.poll(async () => (await feedback())[0]?.correction).toBe("In the kitchen");

    await send("/privacy export");
    const download = page.waitForEvent("download");
    await result.getByRole("link", { name: /^Save / }).click();
    expect((await download).suggestedFilename()).toMatch(/\.json/);

    await send("/privacy forget");
    await result.getByRole("button", { name: "Leave it" }).click();
    expect((await world.store.chat.listConversations({ workspaceId: "local:home", limit: 9 }))[0]?.turns).toBe(1);
    await send("/privacy forget");
    await result.locator(".button-primary").click();
    await expect.poll(() => page.getByText("Where is my plum?").count()).toBe(0);
  });

  test("/ask asks, /again answers again, /new begins anew", async () => {
    const { page, box, ask } = await openPage();
    await box.fill("/ask where is it?");
    await page.keyboard.press("Enter");
    await page.locator(".facts").waitFor();
    expect(await page.locator(".command").count()).toBe(0);

    await box.fill("/again");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await page.getByText("2 of 2").waitFor();
    await box.fill("/new");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await page.getByText("A new conversation.").waitFor();
    await ask("And now?");
    await page.locator(".divider").waitFor();
  });

  test.each([
    ["light", 360],
    ["dark", 1100],
  ] as const)(
    "axe finds nothing in list and results (%s, %i px wide), and nothing scrolls sideways",
    { timeout: 120_000 },
    async (colorScheme, width) => {
      const { page, box, choices, result } = await openPage();
      await page.setViewportSize({ width, height: 780 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const check = async (name: string) => {
        if (PICTURES !== undefined) {
          await mkdir(PICTURES, { recursive: true });
          await page.screenshot({ path: join(PICTURES, `${name}-${colorScheme}-${width}.png`) });
        }
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
        expect(await page.evaluate<number>(OVERFLOW)).toBeLessThanOrEqual(0);
      };

      await box.pressSequentially("/");
      await choices.first().waitFor();
      await check("list");
      await box.fill("/status");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Enter");
      await result.getByRole("img").waitFor();
      await box.fill("/privacy forget");
      await page.keyboard.press("Escape");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "Leave it" }).waitFor();
      await box.fill("/rate ");
      await choices.first().waitFor();
      await check("results");
    },
  );
});
