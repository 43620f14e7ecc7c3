import type { DerReader } from '../der/reader.ts';
import { TAG } from '../der/reader.ts';
import { malformed } from '../malformed.ts';

const MS_PER_DAY = 86_400_000;
const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const TIME_TEXT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/**
 * Days from 1970-01-01 to a date of the proleptic Gregorian calendar. Years are counted from March, so that the
 * leap day is the last of its year and month lengths follow one line.
 */
function daysOfDate(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const monthFromMarch = (month + 9) % 12;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return y * 365 + leapDays + Math.floor((153 * monthFromMarch + 2) / 5) + day - 719_469;
}

function daysInMonth(year: number, month: number): number {
  const next = month === 12 ? daysOfDate(year + 1, 1, 1) : daysOfDate(year, month + 1, 1);
  return next - daysOfDate(year, month, 1);
}

/** Milliseconds since 1970 of year, month, day, hour, minute, second in UTC; `undefined` for what no calendar has. */
function instantOf([year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0]: readonly number[]):
  | number
  | undefined {
  const real =
    month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month) && hour < 24 && minute < 60 && second < 60;
  if (!real) return undefined;
  return daysOfDate(year, month, day) * MS_PER_DAY + ((hour * 60 + minute) * 60 + second) * 1000;
}

/** Reads a Time (RFC 5280 section 4.1.2.5): milliseconds since 1970, always whole seconds. Throws `MalformedInput`. */
export function readTime(reader: DerReader): number {
  const element = reader.next();
  const text = String.fromCharCode(...element.content);
  const short = element.tag === TAG.utcTime;
  if (!short && element.tag !== TAG.generalizedTime) malformed(`certificate time with DER tag ${element.tag}`);
  const parts = (short ? UTC_TIME : GENERALIZED_TIME).exec(text)?.slice(1).map(Number);
  if (parts === undefined) return malformed('certificate time that is not (YY)YYMMDDHHMMSSZ');
  const [first = 0, ...others] = parts;
  // RFC 5280 section 4.1.2.5.1: a two-digit year from 50 on is in the twentieth century.
  const year = short ? first + (first >= 50 ? 1900 : 2000) : first;
  return instantOf([year, ...others]) ?? malformed('certificate time that no calendar has');
}

/** Milliseconds since 1970 of the text that {@link timeText} writes; `undefined` for any other. */
export function timeFromText(text: string): number | undefined {
  const parts = TIME_TEXT.exec(text)?.slice(1).map(Number);
  return parts === undefined ? undefined : instantOf(parts);
}

/** `YYYY-MM-DDTHH:MM:SSZ` of milliseconds since 1970, in UTC, fractions of a second cut off. */
export function timeText(atMs: number): string {
  const days = Math.floor(atMs / MS_PER_DAY);
  const seconds = Math.floor((atMs - days * MS_PER_DAY) / 1000);
  // A year or two too early by the mean length of a year, then forward.
  let year = 1969 + Math.floor(days / 365.2425);
  while (daysOfDate(year + 1, 1, 1) <= days) year += 1;
  let month = 1;
  while (month < 12 && daysOfDate(year, month + 1, 1) <= days) month += 1;
  const day = days - daysOfDate(year, month, 1) + 1;
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(twoDigits).join(':');
  return `${String(year).padStart(4, '0')}-${twoDigits(month)}-${twoDigits(day)}T${clock}Z`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
