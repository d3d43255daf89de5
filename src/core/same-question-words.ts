/**
 * What `compareQuestions` knows about English and Portuguese. Small letters, no accents. Each line of a concept table
 * is one meaning in all its words; a phrase is tried before its words. Opposites stand on lines of their own.
 */
export interface Lexicon {
  /** Carry grammar or politeness, not the subject. */
  readonly fillers: ReadonlySet<string>;
  /** Phrase or word to the first word of its line. */
  readonly concepts: ReadonlyMap<string, string>;
  readonly negations: ReadonlySet<string>;
  /** Words that turn the wish round: "avoid losing". */
  readonly reversals: ReadonlySet<string>;
  readonly numbers: ReadonlyMap<string, string>;
  readonly people: ReadonlySet<string>;
  readonly selves: ReadonlySet<string>;
  /** Before a word they give it a part to play: from whom, before what. */
  readonly roles: ReadonlyMap<string, string>;
  readonly kinds: readonly (readonly [QuestionKind, RegExp])[];
  /** Endings cut from a word of at least three more letters, longest first. */
  readonly endings: RegExp;
}

export type QuestionKind = "why" | "where" | "who" | "when" | "amount" | "how" | "whether" | "what";

const EN_FILLERS = `a an the this that these those i me my mine we us our you your it its he she they them their is are was were
be been being am do does did doing done have has had having will would shall should can could may might must of in on at to for
with by into as and or if then than so just one there here any some what which who whom whose when where why how
please tell know explain me give want wish need would like way steps step procedure process simplest best easiest right correct good
possible able allowed permitted ok okay get got make let go going about from between per each every please command line thing
s t re ve ll d m also still yet now instead own such within during while new number most many much long large big far often really actually exactly
currently looks look say said says called happens happen method trying try available offer deadline time reason makes cause`;

const PT_FILLERS = `a o as os um uma uns umas de da do das dos em no na nos nas ao aos por pelo pela para pra com e ou se que qual quais
quem quando onde como quanto quanta quantos quantas porque eu me meu minha meus minhas nos nosso nossa voce voces seu sua seus suas
ele ela eles elas isso isto este esta esse essa estes estas esses essas aquele neste nesta nesse nessa e sao era eram foi ser sendo
esta estao estou estar tem tenho ter tinha temos ha haver posso pode podem poder consigo consegue conseguir devo deve preciso precisa
quero queria gostaria faco faz fazer fazem feito dar da possivel permitido jeito maneira forma passos passo procedimento processo
caso sabe saber dizer diga diz explicar explique agora ja ainda entao tambem so apenas mais muito bem bom boa certo certa simples
melhor melhores dentro durante ate entre sobre sob cada toda todo sera seria favor vai vou ir acontece lo la comando linha novo nova seja sejam fica ficar ficou prazo tempo motivo razao`;

const EN_CONCEPTS = `
enable|activate|turn on|switch on
disable|deactivate|turn off|switch off
install|installing|installation
uninstall
increase|raise|put up|bump|boost
decrease|lower|reduce|cut down
mute|silence|turn off notifications
unmute
delete|erase
remove|removes|take out|get rid|get out|get out of
add|invite|include into
cancel|terminate
end|ending|break|breaking
renew
undo|revert
connect|link|integrate
disconnect|unlink
export|dump
import
download
upload|uploaded|uploading
start|begin|launch
stop|halt
schedule
open|opened
close|closed
block
unblock
allow
forbid|forbidden|prohibit|prohibited
change|update|modify|edit|switch
transfer|move
buy|purchase
sell
send
receive
show|display
hide
lose|losing|lost
keep|keeping
discard|discarding
before|prior
after|once|following
early|earlier
late|later
legal|legally|lawful|lawfully|law
illegal|illegally|unlawful
safe|safely
unsafe|dangerous
fast|quick|quickly
slow|slowly
maximum|max|at most|limit|upper limit|largest
minimum|min|at least|smallest
include|included|includes
exclude|excluded
unavailable
free
paid
difference|differ|different
similarity|similar
use|using
run|running
read|reading
write|writing|wrote|written|author
support|supported
image|photo|picture|photos|pictures
file|files
app|application|program
site|website|web site
email|emails|e mail|e mails|mail|mails|email address|e mail address
phone|telephone
company|employer
db|database
postgres|postgresql
kubernetes|k8s
javascript|js
2fa|two factor authentication|two factor auth|two factor
error|failure
fix|fixed|solve|resolve|repair|mend
contract|agreement
binding
arrive|arrived|arrives|come in
order
refund
reset|resetting
require|required|necessary|need|needs|needed
notice
fine
appeal|appealing|appeal against
sign|signed|signing
register|registering|registration|registered
own|owner|owns|belongs|belong
container|containers
machine|computer|machines|computers
fall|fell
build|built
city
capital
day|daytime
night
meeting
wear|dress|clothes|outfit
boil|boiled
cook|cooked
eat|eating
ship|shipping|shipped|deliver
charge|charged|charges
recommend|suggest
sleep|sleeping
parties|party
consent|consents|agrees|agree
call|phone call|calls
plan
user|users|people
japanese|japanese language
default|by default
port
rent
landlord
`;

const PT_CONCEPTS = `
ativar|ativo|ativa|habilitar|habilito|ligar|ligo
desativar|desativo|desabilitar|desligar|desligo
instalar|instalo
desinstalar|desinstalo
aumentar|aumento|subir|subo|reajustar|elevar
diminuir|diminuo|reduzir|reduzo|baixar o limite
silenciar|silencio|desligar as notificacoes|desligar notificacoes
apagar|apago|excluir|excluo|deletar
remover|remove|removo|tirar|tiro|retirar
adicionar|adiciono|incluir|convidar|inserir
cancelar|cancelo
renovar|renovo
desfazer|desfaco|desfaz|reverter
conectar|conecto|integrar|ligar ao|vincular
desconectar|desconecto
exportar|exporto
importar|importo
download|baixar|baixo
enviar|envio|mandar|upload
comecar|comeca|comece|iniciar|inicia|inicie
parar|paro
bloquear|bloqueio|bloqueado
desbloquear|desbloqueio
permitir|permito
proibir|proibido
trocar|troco|mudar|mudo|alterar|altero|alteracoes|mudancas|mudanca|atualizar
transferir|transfiro|passar
perder|perca|perco
manter|mantenho
descartar|descarto
antes
depois|apos
cedo
tarde
legal|legalmente|lei|juridica|juridicamente
ilegal
seguro|seguranca
perigoso|inseguro
rapido|rapida
lento|lenta
maximo|maxima|limite|no maximo|ate que tamanho
minimo|minima|no minimo
inclui|incluido|incluida
exclui|excluido
gratuito|gratis
pago|paga
diferenca|diferentes|diferente
semelhanca|semelhante
usar|uso|usa|rodar|roda|rodo
ler|leio|leia|le
gravar|gravo
escrever|escreveu|escrito|escrevo|autor
foto|fotos|imagem|imagens
arquivo|arquivos|ficheiro
site|pagina
email|emails|e mail|e mails|mail|endereco de email|endereco de e mail
telefone|celular
banco de dados|banco|base de dados|base
autenticacao de dois fatores|autenticacao em dois fatores|2fa
maquina|computador
corrigir|corrijo|resolver|resolvo|consertar
contrato|acordo
valer|vale|valido|validade
redefinir|redefino|resetar
recorrer
registrar|registro
dono|proprietario|pertence|dono do imovel
chegar|chega|chegou|cair|cai|caiu
entregar|entregam|entregas|entrega
cobrar|cobrado|cobraram|cobranca
fatura
equipe|time
colega
necessario|necessaria|necessarias|precisar|necessarios
aluguel
sair|deixar|deixo
roupa|vestir
dormir
cozinhar|cozinho|cozido
comer
recomendar|recomenda|indicar|indica
salario minimo
reuniao
abrir|abro|abrem|abertos|aberto
encerrar|encerro
fechar|fecham|fechado
agendar|agendo
trem
consentimento|consentir
padrao
consulta
atende|servir|serve
assinar|assina
brasil|brasileiro|brasileira
construir|construido
construcao
`;

const NUMBER_WORDS_EN = `zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty`;
const NUMBER_WORDS_PT = `zero dois tres quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete
dezoito dezenove vinte`;

/** Weekdays, months, units and money: a change of one is a change of a number. */
const MEASURES_EN = `second|seconds
minute|minutes|min
hour|hours|h
day|days
week|weeks
weekend|weekends
<|less|fewer|under|below|shorter than
>|more than|over|above|longer than
month|months
year|years
kb
mb
gb
tb
gram|grams|g
kilogram|kilograms|kilo|kilos|kg
ounce|ounces|oz
pound|pounds|lb
cup|cups
meter|meters|m
kilometer|kilometers|km
mile|miles
percent|%
euro|euros|eur
dollar|dollars|usd
monday|mondays
tuesday|tuesdays
wednesday|wednesdays
thursday|thursdays
friday|fridays
saturday|saturdays
sunday|sundays
january
february
march
april
june
july
august
september
october
november
december`;
const MEASURES_PT = `segundo|segundos
minuto|minutos|min
hora|horas|h
dia|dias
semana|semanas
fim de semana|fins de semana|final de semana|finais de semana
<|menos|abaixo
>|mais de|mais que|acima
mes|meses
ano|anos
kb
mb
gb
tb
grama|gramas|g
quilo|quilos|kg
litro|litros
xicara|xicaras
metro|metros
quilometro|quilometros|km
por cento|%
euro|euros
dolar|dolares
reais|real
segunda|segundas|segunda feira|segundas feiras
terca|tercas|terca feira
quarta|quartas|quarta feira
quinta|quintas|quinta feira
sexta|sextas|sexta feira
sabado|sabados
domingo|domingos
janeiro
fevereiro
marco
abril
maio
junho
julho
agosto
setembro
outubro
novembro
dezembro`;

export const ENGLISH: Lexicon = {
  fillers: words(EN_FILLERS),
  concepts: conceptsOf(EN_CONCEPTS),
  negations: words(
    "not no never without cannot cant wont dont doesnt didnt isnt arent wasnt hasnt havent nt neither nor",
  ),
  reversals: words("avoid prevent refuse ignore withdraw stop keep drop worse"),
  numbers: numbersOf(NUMBER_WORDS_EN, MEASURES_EN, [
    ["single", "1"],
    ["half", "0.5"],
    ["both", "2"],
  ]),
  people: words(
    "employer boss company landlord tenant minor adult customer seller buyer teammate manager parent child",
  ),
  selves: words("i we"),
  roles: new Map([
    ["from", "from"],
    ["to", "to"],
    ["before", "before"],
    ["after", "after"],
    ["of", "of"],
  ]),
  kinds: [
    ["why", /\bwhy\b|\breason\b|\bhow come\b|\bwhat (?:makes|causes)\b|\bwhat is the .*\bcharge\b/u],
    [
      "how",
      /\bhow (?:do|can|should|could|would|to|is it done|is that done)\b|\b(?:way|steps|procedure|process|command|tips|how)\b(?! (?:much|many|long|far|large|big|often))|\bwhat (?:do|can|should) (?:i|we) do\b/u,
    ],
    ["where", /\bwhere\b/u],
    ["who", /\bwho\b|\bwhom\b|\bwhose\b|\bauthor\b/u],
    ["when", /\bwhen\b|\bwhat (?:time|year|date)\b|\bhow long\b|\bdeadline\b|\bdate\b/u],
    ["amount", /\bhow (?:much|many|far|large|big)\b/u],
    ["what", /\b(?:can|could|do) you (?:tell|explain|recommend|know|say)\b|\bwhat\b|\bwhich\b/u],
    [
      "whether",
      /^(?:is|are|can|could|may|might|do|does|did|am|should|must|will|would|has|have)\b|\b(?:is|are|can|may|must|should|does|do) \w+/u,
    ],
  ],
  endings: /(?:ations?|ings?|ments?|ions?|ally|edly|ly|ies|ied|ed|es|y|e|s)$/u,
};

export const PORTUGUESE: Lexicon = {
  fillers: words(PT_FILLERS),
  concepts: conceptsOf(PT_CONCEPTS),
  negations: words("nao sem nunca jamais nem nenhum nenhuma"),
  reversals: words("evitar evito impedir impeco ignorar recusar provocar provoco parar paro pior"),
  numbers: numbersOf(NUMBER_WORDS_PT, MEASURES_PT, [
    ["duas", "2"],
    ["unica", "1"],
    ["unico", "1"],
    ["meia", "0.5"],
  ]),
  people: words(
    "chefe empresa inquilino proprietario menor maior cliente vendedor comprador colega gerente empregador",
  ),
  selves: words("eu posso consigo devo tenho"),
  roles: new Map([
    ["de", "from"],
    ["da", "from"],
    ["do", "from"],
    ["para", "to"],
    ["antes", "before"],
    ["depois", "after"],
    ["apos", "after"],
  ]),
  kinds: [
    [
      "whether",
      /^(?:e (?:possivel|permitido|legal|seguro|necessario)|posso|podem?(?! (?:me )?(?:recomendar|explicar|indicar|dizer))|consigo|da para)\b/u,
    ],
    ["why", /\bpor que\b|\bpor qu\b|\bmotivo\b|\brazao\b|\bo que faz\b|\bde que e a\b/u],
    ["when", /\bquando\b|\bque horas\b|\bquanto tempo\b|\bprazo para\b|\bdata\b|\bque ano\b/u],
    [
      "how",
      /\bcomo\b|\b(?:jeito|maneira|forma|passos|procedimento|processo para|comando|linha|dicas)\b|\bo que (?:faco|fazer|devo fazer|preciso fazer|eu faco)\b|\btem como\b/u,
    ],
    ["where", /\bonde\b/u],
    ["who", /\bquem\b|\bautor\b/u],
    ["amount", /\bquant[oa]s?\b/u],
    [
      "what",
      /\bqua(?:l|is)\b|\bo que\b|\bem que\b|\bque \w+|\b(?:pode|poderia|voce) (?:explicar|recomendar|sabe|conhece|indicar|pode)\b/u,
    ],
    ["whether", /./u],
  ],
  endings:
    /(?:acoes|acao|mente|amento|imento|ando|endo|indo|aram|eram|iram|adas|ados|idas|idos|ada|ado|ida|ido|asse|ar|er|ir|am|em|as|os|es|ou|eu|iu|ei|a|o|e|s)$/u,
};

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(/\s+/u));
}

function conceptsOf(table: string): ReadonlyMap<string, string> {
  const concepts = new Map<string, string>();
  for (const line of table.trim().split("\n")) {
    const [first = "", ...others] = line.split("|");
    for (const word of [first, ...others]) concepts.set(word, first);
  }
  return concepts;
}

function numbersOf(
  counting: string,
  measures: string,
  extra: readonly (readonly [string, string])[],
): ReadonlyMap<string, string> {
  const numbers = new Map<string, string>(extra);
  const [zero = "", ...rest] = counting.split(/\s+/u);
  numbers.set(zero, "0");
  for (const [index, word] of rest.entries()) numbers.set(word, String(index + 2));
  for (const [word, measure] of conceptsOf(measures)) numbers.set(word, measure);
  return numbers;
}
