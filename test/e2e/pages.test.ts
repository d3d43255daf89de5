import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { buildPages, hasBrowser, mustHaveBrowser, openBrowser } from "../fixtures/dashboard/open-browser.ts";
import { openWorld, type World } from "../fixtures/dashboard/open-world.ts";
import type { Script } from "../fixtures/dashboard/scripted-engine.ts";

const HOSTILE = [
  "<script>window.hacked = 1</script>",
  "<img src=x onerror='window.hacked = 2'>",
  "<svg onload='window.hacked = 3'></svg>",
  "[click](javascript:window.hacked=4)",
  "[data](data:text/html,<script>window.hacked=5</script>)",
  "![pixel](http://127.0.0.1:9/pixel.png)",
  "<iframe src='javascript:parent.hacked=6'></iframe>",
  "<style>body { display: none }</style>",
  "[site](https://example.com/page)",
  "```html\n<script>window.hacked = 7</script>\n```",
  "<a href='javascript:window.hacked=8'>raw link</a> &lt;b&gt; {{7+7}} %{7+7}",
].join("\n\n");

const SLOW = `slow ${"words come one by one ".repeat(40)}`;
const CODE = `Use this:\n\n\`\`\`python\nprint("${"long line ".repeat(30)}")\n\`\`\`\n\n| a | b |\n|---|---|\n| 1 | ${"wide".repeat(40)} |`;

/** Strings, since these run in the page and tests are checked without a browser's types. */
const FOCUSED = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent ?? ''";
const COLLECT_ANNOUNCEMENTS = `{
  window.said = [];
  const element = document.querySelector("[data-testid=announcer]");
  new MutationObserver(() => window.said.push(element.textContent)).observe(element, {
    childList: true, characterData: true, subtree: true,
  });
}`;

let regenerated = 0;
function answer(question: string, adapter: string | undefined): Script {
  if (question.includes("hostile") || question.includes("<script>")) return { text: HOSTILE, chunkChars: 40 };
  if (question.includes("slow")) return { text: SLOW, pauseMs: 15 };
  if (question.includes("code")) return { text: CODE, chunkChars: 80 };
  if (question.includes("again")) return { text: `Answer number ${++regenerated}` };
  return { text: `${adapter === undefined ? "Base" : "Adapter"} says: **${question}**` };
}

/** Left out where there is no browser, unless this machine must have one. */
describe.runIf(hasBrowser || mustHaveBrowser)("the pages in a browser (needs browser)", () => {
  let world: World;
  let pages: Awaited<ReturnType<typeof buildPages>>;
  let browser: Browser;
  beforeAll(async () => {
    pages = await buildPages();
    browser = await openBrowser();
    world = await openWorld({ answer, pagesDirectory: pages.directory, messageCharsMax: 900, examplesMin: 2 });
  });
  afterAll(async () => {
    await browser.close();
    await world.close();
    await pages.remove();
  });

  /** A new person; any error of the page, of its policy too, fails the test. */
  async function openPage(): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1360, height: 860 } });
    context.setDefaultTimeout(10_000);
    const errors: string[] = [];
    const page = await context.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    onTestFinished(async () => {
      await context.close();
      expect(errors).toEqual([]);
    });
    await page.goto(world.url);
    await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
    return page;
  }

  async function ask(page: Page, question: string): Promise<void> {
    await page.getByLabel("Message to Reactune").fill(question);
    await page.keyboard.press("Enter");
  }

  const textOf = async (locator: Locator) => (await locator.textContent()) ?? "";
  const lastReply = (page: Page) => page.locator(".answer").last();
  const ended = (page: Page, count = 1) =>
    page
      .locator(".facts")
      .nth(count - 1)
      .waitFor();

  test("a hostile reply is shown as text: no script runs, nothing is loaded", async () => {
    const page = await openPage();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));

    await ask(page, "hostile please");
    await ended(page);

    const reply = lastReply(page);
    const shown = await textOf(reply);
    for (const text of ["<script>window.hacked = 1</script>", "onerror='window.hacked = 2'", "{{7+7}} %{7+7}"]) {
      expect(shown).toContain(text);
    }
    expect(await reply.locator("script, iframe, img, style, svg[onload], [onerror]").count()).toBe(0);
    const addresses = await reply.locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
    expect(addresses).toEqual(["https://example.com/page"]);
    expect(await reply.locator("a").getAttribute("rel")).toBe("noopener noreferrer nofollow");
    expect(await page.evaluate("'hacked' in window")).toBe(false);
    expect(asked.filter((url) => !url.startsWith(world.url))).toEqual([]);
  });

  test("a hostile question is shown as text, in the chat and in the list", async () => {
    const page = await openPage();
    const question = "<script>window.hacked=9</script> **not bold** <img src=x onerror=alert(1)>";

    await ask(page, question);
    await ended(page);

    expect(await textOf(page.locator(".question"))).toContain(question);
    await page.getByRole("navigation", { name: "Conversations" }).getByText("<script>window.hacked=9").waitFor();
    expect(await page.evaluate("'hacked' in window")).toBe(false);
  });

  test("a reply grows while it is written, can be stopped, and its words stay after a reload", async () => {
    const page = await openPage();
    await ask(page, "slow please");
    const growing = page.locator(".growing");
    await growing.getByText("words come").waitFor();
    const before = (await textOf(growing)).length;
    await expect.poll(async () => (await textOf(growing).catch(() => "")).length).toBeGreaterThan(before);

    await page.getByRole("button", { name: "Stop" }).click();

    await page.getByText("Stopped before the end.").waitFor();
    const kept = await textOf(lastReply(page).locator(".markdown"));
    expect(kept.length).toBeLessThan(SLOW.length);
    await page.reload();
    expect(await textOf(lastReply(page).locator(".markdown"))).toBe(kept);
  });

  test("a reload in the middle of a reply shows the rest of it", async () => {
    const page = await openPage();
    await ask(page, "slow again please, it survives");
    await page.locator(".growing").getByText("words come").waitFor();
    await expect.poll(() => page.url()).toContain("#");
    await page.waitForTimeout(300);

    await page.reload();

    await expect.poll(() => page.locator(".answer").count()).toBe(1);
    await ended(page);
    expect(await textOf(lastReply(page).locator(".markdown"))).toContain("words come one by one");
  });

  test("emoji set a score, change it and take it back", async () => {
    const page = await openPage();
    await ask(page, "Rate this");
    await ended(page);
    const pressed = page.locator(".score[aria-pressed=true]");

    await page.getByRole("button", { name: "Good, 4 of 5" }).click();
    await page.getByRole("button", { name: "Great, 5 of 5" }).click();
    expect(await pressed.allTextContents()).toEqual(["😍"]);
    await page.reload();
    await pressed.waitFor();
    await pressed.click();

    await expect.poll(() => pressed.count()).toBe(0);
    await page.reload();
    await ended(page);
    expect(await pressed.count()).toBe(0);
  });

  test("a better answer is taught, shown, kept and taken back", async () => {
    const page = await openPage();
    await ask(page, "Teach me");
    await ended(page);

    await page.getByRole("button", { name: "Teach a better answer" }).click();
    await page.getByLabel("What should the reply have been?").fill("The right <b>answer</b>");
    await page.getByRole("button", { name: "Teach this answer" }).click();

    const taught = page.getByRole("complementary", { name: "The better answer you taught" });
    await taught.getByText("The right <b>answer</b>").waitFor();
    await page.reload();
    await taught.waitFor();
    await page.getByRole("button", { name: "Change the better answer" }).click();
    await page.getByRole("button", { name: "Take it back" }).click();
    await expect.poll(() => taught.count()).toBe(0);
  });

  test("regenerate keeps both answers, one to be seen at a time", async () => {
    const page = await openPage();
    await ask(page, "Say it again");
    await ended(page);
    const first = await textOf(lastReply(page).locator(".markdown"));

    await page.getByRole("button", { name: "Regenerate" }).click();

    await page.getByText("2 of 2").waitFor();
    expect(await textOf(lastReply(page).locator(".markdown"))).not.toBe(first);
    expect(await page.locator(".question").count()).toBe(1);
    await page.getByRole("button", { name: "Earlier answer" }).click();
    expect(await textOf(lastReply(page).locator(".markdown"))).toBe(first);
  });

  test("the line under a reply says domain, model, adapter, cache and time, and explains them", async () => {
    const page = await openPage();
    await ask(page, "How do I return an order?");
    await ended(page);
    const line = page.locator(".facts summary");

    expect((await line.allTextContents()).join(" ")).toMatch(
      /Support.*Scripted-1M.*base model.*not cached: a new question.*ms/s,
    );
    await line.click();
    await page.getByText("chosen by words of the question").waitFor();
  });

  test("a message over the limit cannot be sent, and the page says by how much", async () => {
    const page = await openPage();
    await page.getByLabel("Message to Reactune").fill("x".repeat(907));

    await page.getByText("7 characters too many: the limit is 900").waitFor();
    expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
    await page.keyboard.press("Enter");
    expect(await page.locator(".question").count()).toBe(0);
  });

  test("everything can be done with the keyboard alone, and the focus is seen", async () => {
    const page = await openPage();
    const focused = () => page.evaluate<string>(FOCUSED);
    const tabTo = async (name: string) => {
      for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press("Tab");
        if ((await focused()).includes(name)) return;
      }
      throw new Error(`Cannot reach "${name}" with the keyboard`);
    };
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Skip to the message box");
    await page.keyboard.press("Enter");
    await page.keyboard.type("Hello keyboard");
    await page.keyboard.press("Enter");
    await ended(page);
    await page.evaluate("document.activeElement.blur()");
    await tabTo("Great, 5 of 5");
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    await page.keyboard.press("Space");
    await expect.poll(() => page.locator(".score[aria-pressed=true]").count()).toBe(1);
    await tabTo("Teach a better answer");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("Better");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("complementary", { name: "The better answer you taught" }).waitFor();
    await tabTo("Readiness");
    await page.keyboard.press("ArrowRight");
    expect(await focused()).toContain("Training");
    expect(await page.getByRole("tab", { name: "Training" }).getAttribute("aria-selected")).toBe("true");
  });

  test("on a phone nothing scrolls sideways, and the drawers open and close", async () => {
    const page = await openPage();
    await page.setViewportSize({ width: 360, height: 740 });
    await page.reload();
    await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
    await page.waitForTimeout(200);
    expect(await page.evaluate<number>("document.querySelector('.log').scrollTop")).toBe(0);
    await ask(page, "code please");
    await ended(page);
    const overflow = () => page.evaluate<number>("document.documentElement.scrollWidth - window.innerWidth");

    expect(await overflow()).toBeLessThanOrEqual(0);
    for (const name of ["Learning", "Conversations"]) {
      await page.getByRole("button", { name, exact: true }).click();
      await page.getByRole("complementary", { name }).waitFor();
      expect(await overflow()).toBeLessThanOrEqual(0);
      await page.keyboard.press("Escape");
      await expect.poll(() => page.getByRole("complementary", { name }).count()).toBe(0);
      expect(await page.evaluate(FOCUSED)).toBe(name);
    }
  });

  test.each(["light", "dark"] as const)(
    "axe finds nothing in the %s theme, in any part of the page",
    async (colorScheme) => {
      const page = await openPage();
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.reload();
      await page
        .getByRole("button", { name: /^Roll back|^Start fine-tuning/ })
        .first()
        .waitFor();
      const check = async () => {
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(
          violations.map(
            ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(" ")}`,
          ),
        ).toEqual([]);
      };
      await check();
      await ask(page, "code please");
      await ended(page);
      await page.getByRole("button", { name: "Good, 4 of 5" }).click();
      await page.locator(".facts summary").click();
      await page.getByRole("button", { name: "Teach a better answer" }).click();
      await page.mouse.move(0, 0);
      await check();
      for (const tab of ["Training", "Adapters"]) {
        await page.getByRole("tab", { name: tab }).click();
        await page.waitForTimeout(100);
        await check();
      }
    },
  );

  test("the announcer says a finished reply once, not every word of it", async () => {
    const page = await openPage();
    await page.evaluate(COLLECT_ANNOUNCEMENTS);

    await ask(page, "slow please, and say it");
    await page.getByRole("button", { name: "Stop" }).click();
    await ended(page);

    const said = await page.evaluate<string[]>("window.said");
    expect(said[0]).toBe("Writing a reply");
    expect(said.length).toBeLessThanOrEqual(3);
  });

  test("a new conversation starts empty, and the list leads back", async () => {
    const page = await openPage();
    await ask(page, "First subject");
    await ended(page);
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
    await ask(page, "Second subject");
    await ended(page);

    await page.getByRole("link", { name: /First subject/ }).click();

    await page.locator(".question").getByText("First subject").waitFor();
    expect(await page.locator(".question").count()).toBe(1);
    await page.goBack();
    await page.locator(".question").getByText("Second subject").waitFor();
  });

  test("green wakes the button; the run is seen live, its adapter answers, and roll back asks first", async () => {
    const page = await openPage();
    const start = page.getByRole("button", { name: "Start fine-tuning Legal" });
    await page.locator("summary", { hasText: "Legal" }).click();
    expect(await start.isDisabled()).toBe(true);
    for (const question of ["Is this contract valid?", "Which licence is it?"]) {
      await page.getByRole("button", { name: "New conversation" }).click();
      await ask(page, question);
      await ended(page);
      await page.getByRole("button", { name: "Great, 5 of 5" }).click();
      await expect.poll(() => page.locator(".score[aria-pressed=true]").count()).toBe(1);
    }
    // Another person's chats make up the rest, seen without a reload.
    for (const text of ["contract a", "contract b"]) {
      await world.connector.ask({ userId: "bo", channelId: `person:${text}`, text });
    }
    await expect.poll(() => start.isEnabled(), { timeout: 10_000 }).toBe(true);

    await start.click();

    const run = page.getByRole("region", { name: "Training of Legal" });
    await run.getByRole("progressbar").waitFor();
    await run.locator(".result-words", { hasText: "Better on held-out chats" }).waitFor({ timeout: 15_000 });
    await run.getByRole("img", { name: /Training loss from/ }).waitFor();
    await page.getByRole("button", { name: "New conversation" }).click();
    await ask(page, "contract c");
    await lastReply(page).getByText("Adapter says").waitFor();
    await page.getByRole("tab", { name: "Adapters" }).click();
    await page.getByRole("button", { name: "Roll back Legal" }).click();
    const dialog = page.getByRole("dialog", { name: "Roll back Legal?" });
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Roll back Legal" }).click();
    await dialog.getByRole("button", { name: "Roll back" }).click();
    await page.getByText("rolled back on the dashboard").waitFor();
    await ask(page, "contract d");
    await lastReply(page).getByText("Base says: contract d").waitFor();
  });

  test("the theme button outlives a reload", async () => {
    const page = await openPage();
    await page.emulateMedia({ colorScheme: "light" });
    const ground = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const light = await ground();
    await page.getByRole("button", { name: /^Theme: system/ }).click();
    await page.getByRole("button", { name: /^Theme: light/ }).click();
    await expect.poll(ground).not.toBe(light);
    const dark = await ground();

    await page.reload();
    await page.getByRole("button", { name: /^Theme: dark/ }).waitFor();

    expect(await ground()).toBe(dark);
  });
});
