import { conceptsOf, type Lexicon, numbersOf, words } from "./same-question-words.ts";

const FILLERS = `a an the this that these those i me my mine we us our you your it its he she they them their is are was were
be been being am do does did doing done have has had having will would shall should can could may might must of in on at to for
with by into as and or if then than so just one there here any some what which who whom whose when where why how
please tell know explain me give want wish need would like way steps step procedure process simplest best easiest right correct good
possible able allowed permitted ok okay get got make let go going about from between per each every please command line thing
s t re ve ll d m also still yet now instead own such within during while new number most many much long large big far often really actually exactly
currently looks look say said says called happens happen method trying try available offer deadline time reason makes cause`;

const CONCEPTS = `
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

const COUNTING = `zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty`;

/** Weekdays, months, units and money: a change of one is a change of a number. */
const MEASURES = `second|seconds
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

export const ENGLISH: Lexicon = {
  fillers: words(FILLERS),
  concepts: conceptsOf(CONCEPTS),
  negations: words(
    "not no never without cannot cant wont dont doesnt didnt isnt arent wasnt hasnt havent nt neither nor",
  ),
  reversals: words("avoid prevent refuse ignore withdraw stop keep drop worse"),
  numbers: numbersOf(COUNTING, MEASURES, [
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
