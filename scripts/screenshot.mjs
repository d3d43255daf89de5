// `node scripts/screenshot.mjs <url>`: the pictures of docs/images, taken from a running server with a real browser.
// Needs Chromium (CHROMIUM names another one than /usr/bin/chromium) and an emoji font.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { inRoot } from "./setup/paths.mjs";

const QUESTIONS = process.env.REACTUNE_SCREENSHOT_QUESTIONS?.split("|") ?? [
  "What is the capital of France?",
  "Write a short Python function that reads a file line by line.",
];
const ANSWER_MAX_MS = 120_000;
const WIDE = { width: 1360, height: 860 };
const PHONE = { width: 390, height: 844 };

const url = process.argv[2];
if (url === undefined) {
  console.error("Usage: node scripts/screenshot.mjs <url of a running Reactune>");
  process.exit(2);
}

const images = inRoot("docs", "images");
const profile = await mkdtemp(join(tmpdir(), "reactune-screenshot-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  viewport: WIDE,
  colorScheme: "light",
  deviceScaleFactor: 1.5,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});
try {
  await mkdir(images, { recursive: true });
  const page = browser.pages()[0] ?? (await browser.newPage());
  await page.goto(url);
  await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
  for (const [index, question] of QUESTIONS.entries()) {
    await page.getByLabel(/^Message to/).fill(question);
    await page.keyboard.press("Enter");
    await page.locator(".facts").nth(index).waitFor({ timeout: ANSWER_MAX_MS });
    await page
      .getByRole("button", { name: index === 0 ? "Okay, 3 of 5" : "Great, 5 of 5" })
      .nth(index)
      .click();
  }
  await page.mouse.move(0, 0);
  await page.waitForTimeout(800);
  await page.screenshot({ path: join(images, "chat.png") });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(images, "chat-dark.png") });
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(PHONE);
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(images, "phone.png") });
  await page.setViewportSize(WIDE);
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByRole("tab", { name: "Training" }).click();
  // Without a training there is nothing to see here; readiness says more.
  if (await page.getByText("No training yet").isVisible()) await page.getByRole("tab", { name: "Readiness" }).click();
  await page.waitForTimeout(800);
  await page.screenshot({ path: join(images, "admin.png") });
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}
