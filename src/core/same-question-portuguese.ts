import { conceptsOf, type Lexicon, numbersOf, words } from "./same-question-words.ts";

const FILLERS = `a o as os um uma uns umas de da do das dos em no na nos nas ao aos por pelo pela para pra com e ou se que qual quais
quem quando onde como quanto quanta quantos quantas porque eu me meu minha meus minhas nos nosso nossa voce voces seu sua seus suas
ele ela eles elas isso isto este esta esse essa estes estas esses essas aquele neste nesta nesse nessa e sao era eram foi ser sendo
esta estao estou estar tem tenho ter tinha temos ha haver posso pode podem poder consigo consegue conseguir devo deve preciso precisa
quero queria gostaria faco faz fazer fazem feito dar da possivel permitido jeito maneira forma passos passo procedimento processo
caso sabe saber dizer diga diz explicar explique agora ja ainda entao tambem so apenas mais muito bem bom boa certo certa simples
melhor melhores dentro durante ate entre sobre sob cada toda todo sera seria favor vai vou ir acontece lo la comando linha novo nova seja sejam fica ficar ficou prazo tempo motivo razao`;

const CONCEPTS = `
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

const COUNTING = `zero dois tres quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete
dezoito dezenove vinte`;

/** Weekdays, months, units and money: a change of one is a change of a number. */
const MEASURES = `segundo|segundos
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

export const PORTUGUESE: Lexicon = {
  fillers: words(FILLERS),
  concepts: conceptsOf(CONCEPTS),
  negations: words("nao sem nunca jamais nem nenhum nenhuma"),
  reversals: words("evitar evito impedir impeco ignorar recusar provocar provoco parar paro pior"),
  numbers: numbersOf(COUNTING, MEASURES, [
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
