/**
 * Questions as the model sees them. Where several people ask, each question begins with "Person A: ", so that the model tells
 * them apart and learns no name; a prompt with one asker stays as it is, byte for byte.
 */
export function nameAskers(asked: readonly Asked[]): readonly string[] {
  const askers = [...new Set(asked.map(({ askerId }) => askerId))];
  if (askers.length < 2) return asked.map(({ question }) => question);
  // Turns from before people were numbered: the order in the prompt has to do.
  const isNumbered = asked.every(({ askerNumber }) => askerNumber !== undefined);
  return asked.map(({ askerId, askerNumber = 0, question }) => {
    return `Person ${letterOf(isNumbered ? askerNumber : askers.indexOf(askerId))}: ${question}`;
  });
}

export interface Asked {
  /** Undefined where it does not matter who asks. */
  readonly askerId?: string;
  readonly askerNumber?: number;
  readonly question: string;
}

/** The number that somebody has in a conversation, or the next one. */
export function numberAsker(askerId: string, earlier: readonly Omit<Asked, "question">[]): number {
  const known = earlier.find((turn) => turn.askerId === askerId && turn.askerNumber !== undefined)?.askerNumber;
  if (known !== undefined) return known;
  return earlier.reduce((next, { askerNumber = -1 }) => Math.max(next, askerNumber + 1), 0);
}

/** A to Z, then AA: as the columns of a sheet. */
function letterOf(number: number): string {
  const rest = Math.floor(number / 26);
  return (rest === 0 ? "" : letterOf(rest - 1)) + String.fromCharCode(65 + (number % 26));
}
