/// Names of the months by language, from January on, with blanks between: in the forms that stand in dates,
/// with slashes between, and abbreviations that are no beginning of those. From the CLDR.
///
/// In order of precedence, and therefore not sorted: a name that several languages have belongs to the
/// first, unless the page declares its language.
pub(crate) const MONTH_NAMES: &[(&str, &str)] = &[
    (
        "en",
        "january february march april may june july august september/sept october november \
         december",
    ),
    (
        "de",
        "januar/jänner februar/feber märz/maerz/mrz april mai juni juli august september/sept \
         oktober november dezember",
    ),
    (
        "fr",
        "janvier/janv février/fevrier/févr mars avril mai juin juillet/juil août/aout \
         septembre/sept octobre novembre décembre/decembre",
    ),
    (
        "es",
        "enero/ene febrero marzo abril/abr mayo junio julio agosto/ago septiembre/setiembre/sept \
         octubre noviembre diciembre/dic",
    ),
    (
        "it",
        "gennaio/gen febbraio marzo aprile maggio/mag giugno/giu luglio/lug agosto/ago \
         settembre/set ottobre/ott novembre dicembre/dic",
    ),
    (
        "pt",
        "janeiro fevereiro/fev março/marco abril/abr maio junho julho agosto/ago setembro/set \
         outubro/out novembro dezembro/dez",
    ),
    (
        "nl",
        "januari februari maart/mrt april mei juni juli augustus september/sept oktober/okt \
         november december",
    ),
    (
        "sv",
        "januari februari mars april maj juni juli augusti september/sept oktober/okt november \
         december",
    ),
    (
        "da",
        "januar februar marts april maj juni juli august september/sept oktober/okt november \
         december",
    ),
    (
        "nb",
        "januar februar mars april mai juni juli august september/sept oktober/okt november \
         desember/des",
    ),
    ("is", "janúar febrúar mars apríl maí júní júlí ágúst september október nóvember desember"),
    (
        "fi",
        "tammikuuta/tammikuu/tammi helmikuuta/helmikuu/helmi maaliskuuta/maaliskuu/maalis \
         huhtikuuta/huhtikuu/huhti toukokuuta/toukokuu/touko kesäkuuta/kesäkuu/kesä \
         heinäkuuta/heinäkuu/heinä elokuuta/elokuu/elo syyskuuta/syyskuu/syys \
         lokakuuta/lokakuu/loka marraskuuta/marraskuu/marras joulukuuta/joulukuu/joulu",
    ),
    (
        "et",
        "jaanuar veebruar märts aprill mai juuni juuli august september oktoober november \
         detsember",
    ),
    (
        "lv",
        "janvāris/janvārī februāris/februārī marts/martā aprīlis/aprīlī maijs/maijā \
         jūnijs/jūnijā jūlijs/jūlijā augusts/augustā septembris/septembrī oktobris/oktobrī \
         novembris/novembrī decembris/decembrī",
    ),
    (
        "lt",
        "sausio/sausis vasario/vasaris kovo/kovas balandžio/balandis gegužės/gegužė \
         birželio/birželis liepos/liepa rugpjūčio/rugpjūtis rugsėjo/rugsėjis spalio/spalis \
         lapkričio/lapkritis gruodžio/gruodis",
    ),
    (
        "pl",
        "stycznia/styczeń lutego/luty marca/marzec kwietnia/kwiecień maja/maj czerwca/czerwiec \
         lipca/lipiec sierpnia/sierpień września/wrzesień października/październik \
         listopada/listopad grudnia/grudzień",
    ),
    (
        "cs",
        "ledna/leden února/únor března/březen dubna/duben května/květen června/červen \
         července/červenec srpna/srpen září října/říjen listopadu/listopad prosince/prosinec",
    ),
    (
        "sk",
        "januára/január februára/február marca/marec apríla/apríl mája/máj júna/jún júla/júl \
         augusta/august septembra/september októbra/október novembra/november decembra/december",
    ),
    (
        "sl",
        "januarja/januar februarja/februar marca/marec aprila/april maja/maj junija/junij \
         julija/julij avgusta/avgust septembra/september oktobra/oktober novembra/november \
         decembra/december",
    ),
    (
        "hr",
        "siječnja/siječanj veljače/veljača ožujka/ožujak travnja/travanj svibnja/svibanj \
         lipnja/lipanj srpnja/srpanj kolovoza/kolovoz rujna/rujan listopada/listopad \
         studenoga/studenog/studeni prosinca/prosinac",
    ),
    (
        "sr",
        "januara/januar/јануара/јануар februara/februar/фебруара/фебруар marta/mart/марта/март \
         aprila/april/априла/април maja/maj/маја/мај juna/jun/јуна/јун jula/jul/јула/јул \
         avgusta/avgust/августа/август septembra/septembar/септембра/септембар \
         oktobra/oktobar/октобра/октобар novembra/novembar/новембра/новембар \
         decembra/decembar/децембра/децембар",
    ),
    (
        "hu",
        "január február március/márc április/ápr május/máj június/jún július/júl augusztus \
         szeptember/szept október november december",
    ),
    (
        "ro",
        "ianuarie/ian februarie martie aprilie mai iunie/iun iulie/iul august septembrie/sept \
         octombrie noiembrie/noi decembrie",
    ),
    ("ca", "gener febrer març abril maig juny juliol agost setembre octubre novembre desembre"),
    (
        "tr",
        "ocak şubat/subat mart nisan mayıs/mayis haziran temmuz ağustos/agustos eylül/eylul ekim \
         kasım/kasim aralık/aralik",
    ),
    (
        "id",
        "januari februari maret april mei juni juli agustus/agt september oktober/okt november \
         desember/des",
    ),
    ("ms", "januari februari mac april mei jun julai ogos september oktober november disember/dis"),
    (
        "ru",
        "января/январь/янв февраля/февраль/фев марта/март апреля/апрель/апр мая/май июня/июнь \
         июля/июль августа/август/авг сентября/сентябрь/сент октября/октябрь/окт ноября/ноябрь \
         декабря/декабрь/дек",
    ),
    (
        "uk",
        "січня/січень лютого/лютий березня/березень квітня/квітень травня/травень червня/червень \
         липня/липень серпня/серпень вересня/вересень жовтня/жовтень листопада/листопад \
         грудня/грудень",
    ),
    ("bg", "януари февруари март април май юни юли август септември октомври ноември декември"),
    (
        "el",
        "ιανουαρίου/ιανουάριος/ιαν φεβρουαρίου/φεβρουάριος/φεβ μαρτίου/μάρτιος/μαρ \
         απριλίου/απρίλιος/απρ μαΐου/μάιος/μαϊ ιουνίου/ιούνιος/ιουν ιουλίου/ιούλιος/ιουλ \
         αυγούστου/αύγουστος/αυγ σεπτεμβρίου/σεπτέμβριος/σεπ οκτωβρίου/οκτώβριος/οκτ \
         νοεμβρίου/νοέμβριος/νοε δεκεμβρίου/δεκέμβριος/δεκ",
    ),
    (
        "ar",
        "يناير فبراير/شباط مارس/آذار أبريل/ابريل/نيسان مايو/أيار يونيو/يونيه/حزيران \
         يوليو/يوليه/تموز أغسطس/اغسطس/آب سبتمبر/أيلول أكتوبر/اكتوبر نوفمبر ديسمبر",
    ),
    (
        "he",
        "בינואר/ינואר בפברואר/פברואר במרץ/מרץ באפריל/אפריל במאי/מאי ביוני/יוני ביולי/יולי \
         באוגוסט/אוגוסט בספטמבר/ספטמבר באוקטובר/אוקטובר בנובמבר/נובמבר בדצמבר/דצמבר",
    ),
    (
        "hi",
        "जनवरी फ़रवरी/फरवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर/सितम्बर अक्टूबर/अक्तूबर \
         नवंबर/नवम्बर दिसंबर/दिसम्बर",
    ),
    (
        "th",
        "มกราคม กุมภาพันธ์ มีนาคม เมษายน พฤษภาคม มิถุนายน กรกฎาคม สิงหาคม กันยายน ตุลาคม \
         พฤศจิกายน ธันวาคม",
    ),
];
