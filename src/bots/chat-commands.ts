import type { ChatCommand } from "./chat-command.ts";
import { adaptersCommand, rollBackCommand } from "./command-adapters.ts";
import { agreeCommand } from "./command-agree.ts";
import { askCommand, helpCommand, newCommand, regenerateCommand } from "./command-conversation.ts";
import { rateCommand, reportCommand, teachCommand } from "./command-feedback.ts";
import { learningCommand } from "./command-learning.ts";
import { modelsCommand } from "./command-models.ts";
import { moderationCommand } from "./command-moderation.ts";
import type { CommandParts } from "./command-parts.ts";
import { privacyCommand } from "./command-privacy.ts";
import { settingsCommand } from "./command-settings.ts";
import { statusCommand, trainCommand } from "./command-training.ts";
import { whyCommand } from "./command-why.ts";

/** Every command there is, in the order of the help text. What has no use case yet is not here. */
export function createChatCommands(parts: CommandParts): readonly ChatCommand[] {
  const commands: readonly ChatCommand[] = [
    askCommand(),
    newCommand(parts),
    rateCommand(parts),
    teachCommand(parts),
    agreeCommand(parts),
    whyCommand(parts),
    regenerateCommand(parts),
    reportCommand(parts),
    privacyCommand(parts),
    helpCommand(parts, () => commands),
    statusCommand(parts),
    trainCommand(parts),
    adaptersCommand(parts),
    rollBackCommand(parts),
    modelsCommand(parts),
    learningCommand(parts),
    settingsCommand(parts),
    moderationCommand(parts),
  ];
  return commands;
}
