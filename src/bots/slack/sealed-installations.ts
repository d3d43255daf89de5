import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { Installation as SlackInstallation } from "@slack/bolt";
import { z } from "zod";
import type { Now } from "#core/clock.ts";
import { PlatformRefusedError } from "#core/errors.ts";
import type { PlatformStore } from "#store/platform-store.ts";

/** Encrypts what is stored. `context` is bound to the text: what was sealed for one workspace opens for no other. */
export interface Seal {
  /** Names the key without telling it. */
  readonly keyId: string;
  seal(text: string, context: string): string;
  /** Throws PlatformRefusedError when another key sealed it, or it was changed. */
  open(sealed: string, keyId: string, context: string): string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM: nonce, tag and text in one base64 string. Throws a TypeError when the key has not 32 bytes. */
export function createSeal(key: Uint8Array): Seal {
  if (key.length !== 32) throw new TypeError(`Cannot use the encryption key: it has ${key.length} bytes, not 32`);
  const keyId = createHash("sha256").update(key).digest("hex").slice(0, 8);
  return {
    keyId,
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64");
    },
    open(sealed, sealedBy, context) {
      if (sealedBy !== keyId) throw refuse(context, `it was encrypted with key ${sealedBy}, and ${keyId} is set`);
      try {
        const bytes = Buffer.from(sealed, "base64");
        const nonce = bytes.subarray(0, NONCE_BYTES);
        const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
        decipher.setAAD(Buffer.from(context));
        decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
        return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
      } catch (cause) {
        throw refuse(context, "it was changed after it was encrypted", cause);
      }
    },
  };
}

function refuse(workspaceId: string, why: string, cause?: unknown): PlatformRefusedError {
  return new PlatformRefusedError(
    `read the stored tokens of workspace "${workspaceId}": ${why}`,
    "credentials",
    "Set REACTUNE_ENCRYPTION_KEY to the key that was used before, or let the workspace install the app again",
    cause === undefined ? undefined : { cause },
  );
}

/** What is kept of Slack's own record: enough to call the API as the bot. */
const storedSchema = z.object({
  teamId: z.string(),
  botToken: z.string(),
  botUserId: z.string(),
  botId: z.string(),
  scopes: z.array(z.string()),
  installerId: z.string(),
});

export type StoredInstallation = z.infer<typeof storedSchema>;

/** Installations with their tokens; in the store they are sealed. */
export interface SealedInstallations {
  /** Rejects with PlatformRefusedError when Slack's record names no workspace or no bot. */
  save(installation: SlackInstallation): Promise<StoredInstallation>;
  find(teamId: string): Promise<StoredInstallation | undefined>;
  list(): Promise<readonly StoredInstallation[]>;
  remove(teamId: string): Promise<void>;
}

export function sealedInstallations(platforms: PlatformStore, seal: Seal, now: Now): SealedInstallations {
  const open = (workspaceId: string, sealed: string, keyId: string) =>
    storedSchema.parse(JSON.parse(seal.open(sealed, keyId, workspaceId)));
  return {
    async save(installation) {
      const { bot, team } = installation;
      if (team === undefined || bot === undefined) {
        throw new PlatformRefusedError(
          "install the app: Slack named no workspace or no bot",
          "invalid",
          "Install the app into one workspace, not into a whole organisation",
        );
      }
      const stored: StoredInstallation = {
        teamId: team.id,
        botToken: bot.token,
        botUserId: bot.userId,
        botId: bot.id,
        scopes: bot.scopes,
        installerId: installation.user.id,
      };
      const workspaceId = workspaceIdOf(team.id);
      await platforms.saveInstallation({
        platform: "slack",
        workspaceId,
        sealed: seal.seal(JSON.stringify(stored), workspaceId),
        keyId: seal.keyId,
        installedBy: installation.user.id,
        installedAtMs: now(),
      });
      return stored;
    },
    async find(teamId) {
      const found = await platforms.findInstallation("slack", workspaceIdOf(teamId));
      return found === undefined ? undefined : open(found.workspaceId, found.sealed, found.keyId);
    },
    async list() {
      const all = await platforms.listInstallations("slack");
      return all.map((found) => open(found.workspaceId, found.sealed, found.keyId));
    },
    async remove(teamId) {
      await platforms.removeInstallation("slack", workspaceIdOf(teamId));
    },
  };
}

export function workspaceIdOf(teamId: string): string {
  return `slack:${teamId}`;
}

export function teamIdOf(workspaceId: string): string {
  return workspaceId.replace(/^slack:/, "");
}
