/**
 * Numbers in the reader's locale. A browser's first `Intl.NumberFormat` takes 8 ms of a processor or more, in the middle of the
 * first view; so the signs of the languages below are known here, and `modules.test.mjs` compares each with `Intl`. Pure.
 */

/** What parts thousands, and what begins the fraction. Only languages with the digits 0 to 9 that part from 1,000 on. @type {Record<string, string>} */
export const SIGNS = {
    en: ",.", "en-US": ",.", "en-GB": ",.", "en-CA": ",.", "en-AU": ",.", "en-NZ": ",.", "en-IE": ",.",
    de: ".,", "de-DE": ".,", fr: "\u202f,", "fr-FR": "\u202f,", nl: ".,", "nl-NL": ".,", da: ".,", "da-DK": ".,",
    ru: "\u00a0,", "ru-RU": "\u00a0,", uk: "\u00a0,", "uk-UA": "\u00a0,", cs: "\u00a0,", "cs-CZ": "\u00a0,", sv: "\u00a0,", "sv-SE": "\u00a0,", fi: "\u00a0,", "fi-FI": "\u00a0,",
    tr: ".,", "tr-TR": ".,", ja: ",.", "ja-JP": ",.", ko: ",.", "ko-KR": ",.", zh: ",.", "zh-CN": ",.", "zh-TW": ",.",
};
const MOST = 1e12, LEAST = 1e-6; // between them JavaScript writes a number without an exponent, and its digits are those that are meant

/** A way to write numbers with so many digits after the point. @param {number} places @param {string | undefined} language @returns {(value: number) => string} */
export function numeral(places, language) {
    const signs = SIGNS[language ?? ""];
    /** @type {Intl.NumberFormat | undefined} */
    let made;
    return (value) => {
        if (signs && (value >= LEAST && value < MOST || Object.is(value, 0))) return withSigns(rounded(value, places), signs);
        made ??= new Intl.NumberFormat(language, { minimumFractionDigits: places, maximumFractionDigits: places });
        return made.format(value);
    };
}

/** By its decimal digits, as `Intl` does: 9.95 becomes 10.0; `toFixed` goes by the binary ones. @param {number} value @param {number} places */
const rounded = (value, places) => (Math.round(Number(`${value}e${places}`)) / 10 ** places).toFixed(places);

/** @param {string} text `1234.5` @param {string} signs */
function withSigns(text, signs) {
    const [whole, fraction] = text.split(".");
    const parted = whole.length > 3 ? whole.replace(/\B(?=(\d{3})+$)/g, signs[0]) : whole;
    return fraction ? parted + signs[1] + fraction : parted;
}
