import { z } from "zod";
import { type Finding, failure, ok, warning } from "./doctor-finding.ts";
import { type CallResult, callPlatform, endpoint } from "./setup-call.ts";

export const DISCORD_API_URL = "https://discord.com/api";
const VERSION = "v10";

/** Flags of an application: the intent is granted for good, or for bots in fewer than 100 servers. */
const MESSAGE_CONTENT = 1 << 18;
const MESSAGE_CONTENT_LIMITED = 1 << 19;

export interface DiscordTest {
  readonly findings: readonly Finding[];
  readonly applicationId?: string;
}

const User = z.object({ id: z.string(), username: z.string() });
const Application = z.object({
  id: z.string(),
  name: z.string(),
  flags: z.number().default(0),
  approximate_guild_count: z.number().optional(),
  bot_require_code_grant: z.boolean().default(false),
});

/** Asks Discord who the token is and whether its application may read messages. Two calls; posts nothing. */
export async function testDiscord(token: string, apiUrl: string | undefined): Promise<DiscordTest> {
  const base = endpoint(apiUrl ?? DISCORD_API_URL, `${VERSION}/`).href;
  const get = (path: string) => callPlatform(endpoint(base, path), "GET", `Bot ${token}`);
  const me = await get("users/@me");
  const refusal = describeRefusal(me);
  if (refusal !== undefined) return { findings: [refusal] };
  const user = User.safeParse(bodyOf(me)).data;
  if (user === undefined) return { findings: [strange()] };
  const answer = await get("applications/@me");
  const application = Application.safeParse(bodyOf(answer)).data;
  if (application === undefined) return { findings: [describeRefusal(answer) ?? strange()] };
  return { applicationId: application.id, findings: describeApplication(user.username, application) };
}

function describeApplication(username: string, application: z.infer<typeof Application>): readonly Finding[] {
  const { name, flags, approximate_guild_count: servers, bot_require_code_grant: needsGrant } = application;
  const count = servers === undefined ? "" : `, in ${servers} ${servers === 1 ? "server" : "servers"}`;
  const findings = [ok("Discord", `the token is of "${username}" (application "${name}")${count}`)];
  if ((flags & (MESSAGE_CONTENT | MESSAGE_CONTENT_LIMITED)) === 0) {
    findings.push(
      failure(
        "Discord",
        "the Message Content intent is off: Discord refuses the connection",
        "Developer portal, your application, Bot, Privileged Gateway Intents: switch on Message Content Intent",
      ),
    );
  } else findings.push(ok("Discord", "the Message Content intent is on"));
  if (needsGrant) {
    const fix = 'Developer portal, your application, Bot: switch off "Requires OAuth2 Code Grant"';
    findings.push(failure("Discord", "the invite link cannot work: it would need a code grant", fix));
  }
  if (servers === 0)
    findings.push(warning("Discord", "the bot is in no server yet", "Open the link of `reactune invite`"));
  return findings;
}

/** Undefined when the answer is a good one. */
function describeRefusal(result: CallResult): Finding | undefined {
  if (result.kind === "unreachable") {
    return warning(
      "Discord",
      `it cannot be tested: ${result.why}`,
      "Check the network and discord.apiUrl, then run `reactune doctor`",
    );
  }
  const { status } = result;
  if (status === 200) return undefined;
  if (status === 401) {
    const fix = "Developer portal, your application, Bot, Reset Token; give the new one to `reactune setup`";
    return failure("Discord", "Discord does not know this token (it was reset, or is of something else)", fix);
  }
  if (status === 403)
    return failure(
      "Discord",
      "Discord refuses this token (HTTP 403)",
      "Look at the application in the developer portal",
    );
  if (status === 429) return warning("Discord", "Discord asks for patience (HTTP 429)", "Try again in some minutes");
  return warning(
    "Discord",
    `it cannot be tested: Discord answered HTTP ${status}`,
    "Try again later with `reactune doctor`",
  );
}

function bodyOf(result: CallResult): unknown {
  return result.kind === "answer" && result.status === 200 ? result.body : undefined;
}

function strange(): Finding {
  return warning("Discord", "it cannot be tested: the answer is not Discord's", "Check discord.apiUrl");
}
