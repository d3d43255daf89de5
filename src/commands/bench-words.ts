/** Words that sentences of a bench are made of: many, so that few sentences are nearly the same. */
export const BENCH_WORDS: readonly string[] = `
account address adapter agenda airport alarm anchor answer antenna apple archive arrow article aspect atlas attic autumn axis
badge balance bakery barrel basin basket battery beacon bench berry bicycle blanket border bottle branch bridge broom bucket
budget cabin cable camera candle canyon carbon carpet castle ceiling cellar century chapter charge chimney circuit clause climate
clinic cluster coast coffee column compass concert contract copper corner cotton counter courier crystal curtain customer
damage dealer decade deposit desert detail device diagram dinner discount doctor dolphin domain drawer driver duty
eagle editor effort elbow election emerald engine envelope episode equator errand estate evening evidence exhibit export
fabric factory fairy feather ferry festival fiber figure filter finger flavor flight forest formula fountain fraction freight
gallery garage garden gate gesture giant glacier glove governor grammar granite guitar habit hammer harbor harvest helmet hinge
holiday horizon hospital hotel hunter iceberg index insect invoice island ivory jacket jewel journal journey judge jungle
kennel kettle keyboard kitchen knot ladder language lantern lawyer leather lemon lesson letter library license linen liquid
machine magnet manual marble margin market meadow medal melody member memory merchant meter mirror mission monitor morning
motor mountain museum napkin needle network notebook notice number oasis object ocean office olive opera orange orbit order
organ orphan outlet oxygen oyster package paddle palace panel paper parcel parent partner passage patent pattern payment
pebble pencil pepper permit person petal phrase piano picture pillow pioneer planet plastic platform pocket poem policy portal
powder prairie printer profile project pulley puzzle quarry quarter rabbit radar raincoat recipe record refund region remedy
rental repair reply report reserve resort return rhythm ribbon river rocket router rubber rumor saddle sailor salary sample
sandal satellite scanner schedule scholar season secret seller sensor shadow shelter shipment shoulder signal silver sketch
soldier spider sponge square stadium statue storm student summer sunset supply surface switch symbol system tablet talent
target tariff teacher temple tenant theory thunder ticket timber tomato tower tractor traffic treaty tunnel turbine umbrella
uncle uniform unit valley vapor vault vector velvet vendor verdict vessel village violin visitor volume voyage wagon wallet
warehouse warranty weather wheel whistle window winter wizard writer yogurt zebra zipper`
  .trim()
  .split(/\s+/u);
