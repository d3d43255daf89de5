/** A subject with an adapter of its own. */
export interface Domain {
  readonly id: string;
  readonly description: string;
  /** Words and phrases that tell this subject, in any language; matched whole, without case and accents. */
  readonly keywords: readonly string[];
  /** Questions typical for it; their meaning decides where no keyword does. */
  readonly examples: readonly string[];
}

/** What answers when no domain fits. */
export const GENERAL_DOMAIN = "general";

export interface KeywordMatch {
  readonly domain: string;
  /** Share of all matched keywords that belong to the domain, 0 to 1. */
  readonly score: number;
  readonly words: readonly string[];
}

/** Undefined when no keyword is there, or when two domains have equally many. A phrase weighs as many as its words. */
export function matchKeywords(question: string, domains: readonly Domain[]): KeywordMatch | undefined {
  const text = ` ${plainWords(question)} `;
  const matches = domains.map((domain) => {
    const found = keywordsOf(domain).filter(({ plain }) => text.includes(plain));
    return {
      domain: domain.id,
      words: found.map(({ keyword }) => keyword),
      weight: found.reduce((sum, { weight }) => sum + weight, 0),
    };
  });
  const total = matches.reduce((sum, match) => sum + match.weight, 0);
  const [best, second] = matches.toSorted((a, b) => b.weight - a.weight);
  if (best === undefined || best.weight === 0 || best.weight === second?.weight) return undefined;
  return { domain: best.domain, score: best.weight / total, words: best.words };
}

interface PlainKeyword {
  readonly keyword: string;
  /** Between spaces, as it stands in a plain text. */
  readonly plain: string;
  readonly weight: number;
}

/** Every message is looked at for all of them: they are made plain once. */
const plainKeywords = new WeakMap<Domain, readonly PlainKeyword[]>();

function keywordsOf(domain: Domain): readonly PlainKeyword[] {
  const known = plainKeywords.get(domain);
  if (known !== undefined) return known;
  const made = domain.keywords.map((keyword) => ({
    keyword,
    plain: ` ${plainWords(keyword)} `,
    weight: keyword.trim().split(/\s+/u).length,
  }));
  plainKeywords.set(domain, made);
  return made;
}

/** Lower case, no accents, words by single spaces: `Não é ISSO!` becomes `nao e isso`. */
export function plainWords(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}
