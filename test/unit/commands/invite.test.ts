import { expect, test } from "vitest";
import {
  applicationIdOfToken,
  createInviteLinks,
  DISCORD_PERMISSION_BITS,
  printInvite,
  readManifestScopes,
} from "#commands/invite.ts";
import { DISCORD_TOKEN } from "../../fixtures/setup/platform-peer.ts";
import { recordingOutput } from "./recording-output.ts";

const MANIFEST =
  "# a comment\ndisplay_information:\n  name: Reactune\noauth_config:\n  scopes:\n    bot: [chat:write, im:history]\n";
const SOURCES = { applicationId: "223456789012345678", manifest: MANIFEST };

test("createInviteLinks() asks Discord for the least permissions and nothing that moderates or administers", () => {
  const { discord, discordForPerson } = createInviteLinks(SOURCES);

  const link = new URL(discord ?? "");
  expect(link.searchParams.get("scope")).toBe("bot applications.commands");
  // View, send, threads, files, history, reactions: 2^10 + 2^11 + 2^38 + 2^35 + 2^15 + 2^16 + 2^6.
  expect(link.searchParams.get("permissions")).toBe("309237746752");
  for (const forbidden of [3, 4, 5, 13, 17, 28, 29, 34]) {
    expect(DISCORD_PERMISSION_BITS & (1n << BigInt(forbidden)), `bit ${forbidden}`).toBe(0n);
  }
  expect(new URL(discordForPerson ?? "").searchParams.get("integration_type")).toBe("1");
});

test("createInviteLinks() carries the manifest into Slack's form", () => {
  const link = new URL(createInviteLinks(SOURCES).slack ?? "");

  expect(link.searchParams.get("new_app")).toBe("1");
  expect(link.searchParams.get("manifest_yaml")).toBe(MANIFEST.replace("# a comment\n", ""));
});

test("applicationIdOfToken() reads the id, and nothing from what is no token", () => {
  expect(applicationIdOfToken(DISCORD_TOKEN)).toBe("123456789012345678");
  expect(applicationIdOfToken("not a token")).toBeUndefined();
});

test("readManifestScopes() reads the bot's scopes, and none from another document", () => {
  expect(readManifestScopes(MANIFEST)).toEqual(["chat:write", "im:history"]);
  expect(readManifestScopes("a: 1")).toEqual([]);
  expect(readManifestScopes(undefined)).toEqual([]);
});

test("printInvite() says what is missing when there is no application", () => {
  const recorded = recordingOutput();

  printInvite(createInviteLinks({ applicationId: undefined, manifest: undefined }), { isJson: false }, recorded.output);

  expect(recorded.text()).toContain("Set DISCORD_TOKEN with `reactune setup`");
  expect(recorded.text()).toContain("config/slack-manifest.yaml is missing");
});

test("printInvite() prints links and permissions as JSON for scripts", () => {
  const recorded = recordingOutput();

  printInvite(createInviteLinks(SOURCES), { isJson: true }, recorded.output);

  expect(recorded.json().discordPermissions.bits).toBe("309237746752");
  expect(recorded.json().slack).toContain("api.slack.com/apps?new_app=1");
});
