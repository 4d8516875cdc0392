;; Decodes a run of ordinary Intel HEX data records with 128-bit vectors.
;;
;; "Ordinary": `:`, hexadecimal digits in either case, type 00, the address that directly follows the record before, a
;; right checksum, ended by LF or CR LF. It stops at the first record that is anything else and leaves every judgement
;; about that record to the careful reader.
;;
;; A record's whole body (length, address, type, data, checksum) is decoded to `output - 4`, so that its data lands at
;; `output`; the four bytes under the header are saved and put back.
;;
;; Memory: 0..63 masks, 64..79 free (under the first header), 80.. output, TEXT_START.. text. Text must be followed by 32
;; readable bytes.
(module
  (memory (export "memory") 7)
  (global $recordCount (export "recordCount") (mut i32) (i32.const 0))
  (global $outputLength (export "outputLength") (mut i32) (i32.const 0))

  ;; 32 bytes FF, then 32 bytes 00: 16 bytes from (32 - n) mask the first n of 16 characters.
  (data (i32.const 0)
    "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff")

  ;; One character's nibble; anything for a character that is no digit (the vector check finds those).
  (func $nibble (param $character i32) (result i32)
    (i32.add
      (i32.and (local.get $character) (i32.const 15))
      (i32.mul (i32.shr_u (local.get $character) (i32.const 6)) (i32.const 9))))

  ;; 16 characters to 16 nibbles; every character that is no hexadecimal digit gives a value above 15.
  (func $nibbles (param $characters v128) (result v128)
    (i8x16.min_u
      ;; '0'..'9' give 0..9, all others 16 or more
      (i8x16.sub
        (i8x16.sub_sat_u
          (i8x16.add (local.get $characters) (i8x16.splat (i32.const 0xc6)))
          (i8x16.splat (i32.const 6)))
        (i8x16.splat (i32.const 0xf0)))
      ;; 'A'..'F' and 'a'..'f' give 10..15, all others 16 or more
      (i8x16.add_sat_u
        (i8x16.sub
          (v128.and (local.get $characters) (i8x16.splat (i32.const 0xdf)))
          (i8x16.splat (i32.const 0x41)))
        (i8x16.splat (i32.const 10)))))

  ;; 16 nibbles to 8 bytes, each in a 16-bit lane.
  (func $pairs (param $nibbles v128) (result v128)
    (v128.and
      (v128.or
        (i16x8.shl (local.get $nibbles) (i32.const 4))
        (i16x8.shr_u (local.get $nibbles) (i32.const 8)))
      (i16x8.splat (i32.const 0x00ff))))

  ;; Decodes records from `position` up to `end`.
  ;;   offset   address, inside its 64 KiB page, that the first record must have
  ;;   output   where the data goes; at least 68
  ;; Returns the position of the first character that was not taken; recordCount and outputLength say what was.
  (func (export "decode") (param $position i32) (param $end i32) (param $offset i32) (param $output i32) (result i32)
    (local $outputStart i32) (local $count i32)
    (local $length i32) (local $text i32) (local $next i32) (local $remaining i32) (local $digits i32)
    (local $cursor i32) (local $saved i32) (local $header i32)
    (local $left v128) (local $right v128) (local $bytes v128) (local $highest v128) (local $sum v128)
    (local.set $outputStart (local.get $output))
    (block $stop
      (loop $records
        ;; `:`, ten digits at least, and two characters for the end of the line
        (br_if $stop (i32.gt_u (i32.add (local.get $position) (i32.const 13)) (local.get $end)))
        (br_if $stop (i32.ne (i32.load8_u (local.get $position)) (i32.const 0x3a)))
        (br_if $stop (i32.gt_u (local.get $offset) (i32.const 0xffff)))
        (local.set $length
          (i32.and
            (i32.add
              (i32.shl (call $nibble (i32.load8_u offset=1 (local.get $position))) (i32.const 4))
              (call $nibble (i32.load8_u offset=2 (local.get $position))))
            (i32.const 255)))
        (local.set $text (i32.add (local.get $position) (i32.const 1)))
        (local.set $remaining (i32.shl (i32.add (local.get $length) (i32.const 5)) (i32.const 1)))
        (local.set $next (i32.add (local.get $text) (local.get $remaining)))
        (br_if $stop (i32.gt_u (i32.add (local.get $next) (i32.const 2)) (local.get $end)))

        (local.set $cursor (i32.sub (local.get $output) (i32.const 4)))
        (local.set $saved (i32.load (local.get $cursor)))
        (local.set $highest (v128.const i64x2 0 0))
        (local.set $sum (v128.const i64x2 0 0))
        (loop $steps
          (local.set $digits
            (select (local.get $remaining) (i32.const 32) (i32.lt_s (local.get $remaining) (i32.const 32))))
          (local.set $left
            (v128.and
              (call $nibbles (v128.load align=1 (local.get $text)))
              (v128.load align=1 (i32.sub (i32.const 32) (local.get $digits)))))
          (local.set $right
            (v128.and
              (call $nibbles (v128.load offset=16 align=1 (local.get $text)))
              (v128.load align=1 (i32.sub (i32.const 48) (local.get $digits)))))
          (local.set $highest
            (i8x16.max_u (local.get $highest) (i8x16.max_u (local.get $left) (local.get $right))))
          (local.set $bytes
            (i8x16.narrow_i16x8_u (call $pairs (local.get $left)) (call $pairs (local.get $right))))
          (local.set $sum (i8x16.add (local.get $sum) (local.get $bytes)))
          (v128.store align=1 (local.get $cursor) (local.get $bytes))
          (local.set $text (i32.add (local.get $text) (i32.const 32)))
          (local.set $cursor (i32.add (local.get $cursor) (i32.const 16)))
          (local.set $remaining (i32.sub (local.get $remaining) (i32.const 32)))
          (br_if $steps (i32.gt_s (local.get $remaining) (i32.const 0))))

        (local.set $cursor (i32.sub (local.get $output) (i32.const 4)))
        (local.set $header (i32.load (local.get $cursor)))
        (i32.store (local.get $cursor) (local.get $saved))
        ;; every digit is one
        (br_if $stop (v128.any_true (i8x16.gt_u (local.get $highest) (i8x16.splat (i32.const 15)))))
        ;; length, address and type 00 in one comparison; the address is big-endian in the record
        (br_if $stop
          (i32.ne
            (local.get $header)
            (i32.or
              (local.get $length)
              (i32.or
                (i32.and (local.get $offset) (i32.const 0xff00))
                (i32.shl (i32.and (local.get $offset) (i32.const 0xff)) (i32.const 16))))))
        ;; the bytes of a record, checksum included, add up to 0: pairs to 16-bit lanes, eight lanes to four, and a
        ;; multiplication adds the four (16 bits each, so that no carry reaches the sum)
        (local.set $sum (i16x8.extadd_pairwise_i8x16_u (local.get $sum)))
        (br_if $stop
          (i32.and
            (i32.wrap_i64
              (i64.shr_u
                (i64.mul
                  (i64x2.extract_lane 0
                    (i16x8.add
                      (local.get $sum)
                      (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $sum) (local.get $sum))))
                  (i64.const 0x0001000100010001))
                (i64.const 48)))
            (i32.const 255)))
        ;; the data stays inside its 64 KiB page
        (br_if $stop (i32.gt_u (i32.add (local.get $offset) (local.get $length)) (i32.const 0x10000)))
        ;; LF or CR LF
        (if (i32.eq (i32.load8_u (local.get $next)) (i32.const 0x0a))
          (then (local.set $next (i32.add (local.get $next) (i32.const 1))))
          (else
            (br_if $stop (i32.ne (i32.load16_u align=1 (local.get $next)) (i32.const 0x0a0d)))
            (local.set $next (i32.add (local.get $next) (i32.const 2)))))

        (local.set $position (local.get $next))
        (local.set $output (i32.add (local.get $output) (local.get $length)))
        (local.set $offset (i32.add (local.get $offset) (local.get $length)))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $records)))
    (global.set $recordCount (local.get $count))
    (global.set $outputLength (i32.sub (local.get $output) (local.get $outputStart)))
    (local.get $position)))
