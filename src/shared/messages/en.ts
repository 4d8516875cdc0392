/** English texts: a title and a next step for every error code, and every id that people see as a word. One table, hence its length. */
import type { Messages } from './index.ts'

export const en: Messages = {
  errors: {
    'internal.unexpected': {
      title: 'Unexpected fault in Flashproof',
      hint: 'Export the log of the job and report the fault with it.',
    },
    'call.aborted': { title: 'Call cancelled', hint: 'Start the action again when it is wanted.' },
    'call.timeout': {
      title: 'No answer from the background process in time',
      hint: 'Try again; restart Flashproof when it stays silent.',
    },
    'contract.unknown-command': {
      title: 'Unknown command',
      hint: 'Use the window and the background process of one and the same version.',
    },
    'contract.invalid-request': {
      title: 'Request refused: a field is missing or wrong',
      hint: 'Check the values that were given; report the fault when all of them are right.',
    },
    'contract.invalid-response': {
      title: 'The background process gave an answer that cannot be used',
      hint: 'Restart Flashproof; report the fault when it happens again.',
    },
    'contract.forbidden': {
      title: 'This action is not open to the window',
      hint: 'Use the menu or the command line for it.',
    },
    'worker.exited': {
      title: 'The background process ended unexpectedly',
      hint: 'Wait for the restart, then resume the interrupted jobs.',
    },
    'worker.not-ready': {
      title: 'The background process is still starting',
      hint: 'Try again in a few seconds.',
    },
    'worker.gave-up': {
      title: 'The background process keeps crashing and is not started again',
      hint: 'Restart Flashproof; the journal and all finished jobs are kept.',
    },
    'environment.node-too-old': {
      title: 'This version of Node is too old',
      hint: 'In a checkout start the program with “npm run -s cli --”, which uses the right version.',
    },
    'control.not-held': {
      title: 'This page only watches',
      hint: 'Choose “Take control” at the top to act from here; the other page then only watches.',
    },
    'host.unsupported': {
      title: 'This is not possible here',
      hint: 'Use the desktop app for it, or the command line.',
    },
    'host.file-refused': {
      title: 'The file could not be taken over',
      hint: 'Choose the file again with “Open firmware”.',
    },

    'usage.unknown-command': {
      title: 'Unknown command',
      hint: 'Run “flashproof --help” for the list of commands.',
    },
    'usage.unknown-option': {
      title: 'Unknown option',
      hint: 'Run the command with “--help” for its options.',
    },
    'usage.missing-argument': {
      title: 'An argument is missing',
      hint: 'Run the command with “--help” for what it needs.',
    },
    'usage.invalid-value': {
      title: 'A value on the command line is not valid',
      hint: 'Run the command with “--help” for the form of each value.',
    },

    'settings.invalid': {
      title: 'The settings file is not valid',
      hint: 'Correct the field in settings.json, or remove the file to go on with the defaults.',
    },
    'file.not-found': {
      title: 'File not found',
      hint: 'Check the name; a relative path counts from the current folder.',
    },
    'file.not-readable': {
      title: 'File cannot be read',
      hint: 'Check the permissions of the file and whether the drive is still connected.',
    },
    'file.is-directory': { title: 'A folder was given instead of a file', hint: 'Choose a file inside the folder.' },
    'file.empty': { title: 'File is empty', hint: 'Build or copy the firmware file again.' },
    'file.too-large': {
      title: 'File is too large for firmware',
      hint: 'Check that the right file was chosen.',
    },
    'file.exists': {
      title: 'The output file already exists',
      hint: 'Choose another name or delete the existing file first.',
    },
    'file.not-writable': {
      title: 'File cannot be written',
      hint: 'Check the permissions of the folder or choose another one.',
    },
    'file.disk-full': { title: 'The disk is full', hint: 'Free some space or write to another drive.' },

    'format.unknown': {
      title: 'File format not recognised',
      hint: 'Choose a firmware file in Intel HEX, S-record, UF2, ELF or binary form.',
    },
    'format.not-firmware': {
      title: 'This file is not firmware',
      hint: 'Look for the .bin, .hex, .srec, .uf2 or .elf file that the build wrote.',
    },
    'format.malformed-record': {
      title: 'A record in the file is malformed',
      hint: 'Copy the file again, or build it again; it was changed or damaged at that place.',
    },
    'format.bad-checksum': {
      title: 'A checksum in the file is wrong',
      hint: 'Copy the file again, because it was changed or damaged on the way.',
    },
    'format.missing-end': {
      title: 'The file has no end record and looks cut off',
      hint: 'Copy the file again, or accept “missing-end” when the file is known to be whole.',
    },
    'format.data-after-end': {
      title: 'The file goes on after its end record',
      hint: 'Check whether two files were joined, and build the file again.',
    },
    'format.unsupported-record': {
      title: 'The file holds a record type that is not supported',
      hint: 'Export the firmware in another format, such as Intel HEX or binary.',
    },
    'format.count-mismatch': {
      title: 'The file holds another number of records than it declares',
      hint: 'Copy the file again, because a part of it is missing.',
    },
    'format.no-data': { title: 'The file holds no firmware data', hint: 'Check the build that wrote the file.' },
    'format.unsupported': {
      title: 'This variant of the format is not supported',
      hint: 'Export the firmware in another format, such as Intel HEX or binary.',
    },
    'format.bad-set': {
      title: 'The list of parts cannot be used',
      hint: 'Build again, and choose the flasher_args.json or manifest.json in the folder that the build wrote.',
    },
    'format.part-missing': {
      title: 'A part of the flash set is missing',
      hint: 'Put the named part back beside the list. A browser hands over one file alone: use the desktop app or the command line, or send a merged image.',
    },
    'format.variant-needed': {
      title: 'The file holds firmware for several chips',
      hint: 'Say which one is wanted: on the command line with --variant NAME.',
    },
    'format.unknown-variant': {
      title: 'The file holds no firmware for that chip',
      hint: 'Name one of those that it holds, or leave --variant away where it holds one alone.',
    },
    'image.overlap': {
      title: 'The file gives two different bytes for one address',
      hint: 'Check how the parts of the file were joined.',
    },
    'image.address-range': {
      title: 'An address lies outside the allowed range',
      hint: 'Check the linker script and the base address.',
    },
    'image.gap-too-large': {
      title: 'The gap between two parts of the image is too large for a flat file',
      hint: 'Remove the far part, such as option bytes, or convert to an addressed format.',
    },
    'image.base-required': {
      title: 'The base address of the image is not known',
      hint: 'State it under “Options”, on the command line with “--set base=0x08000000”, for a gateway to an STM32 with “--set flashBase=0x08000000”; “lowest” sends from the lowest address on.',
    },
    'image.wrong-chip': {
      title: 'The firmware was built for another chip',
      hint: 'Choose the build for the chip of this device.',
    },
    'image.wrong-kind': {
      title: 'This kind of image cannot be sent this way',
      hint: 'Choose the firmware that was built for this device: for an ESP32 update the application image alone, for an STM32 a program for STM32.',
    },
    'image.corrupt': {
      title: 'The image is damaged: its own check does not hold',
      hint: 'Build or copy the file again.',
    },
    'image.hash-mismatch': {
      title: 'The file is not the expected one: its SHA-256 differs',
      hint: 'Choose the released file, or correct the expected SHA-256.',
    },
    'image.too-large': {
      title: 'The image does not fit into the space of the device',
      hint: 'Use a smaller build or a device with a larger partition.',
    },
    'image.too-many-pieces': {
      title: 'The image lies in too many pieces',
      hint: 'Check that the file is whole, or convert it to a flat file first with flashproof convert.',
    },
    'image.not-transferable': {
      title: 'This image cannot pass the gateway unchanged',
      hint: 'Change the build so that the named bytes are not there, or write the STM32 directly over its serial port.',
    },

    'option.unknown': { title: 'Unknown protocol option', hint: 'Choose one of the options that this protocol has.' },
    'option.invalid': {
      title: 'The value of an option is not valid',
      hint: 'Correct the value, or leave the option out to take its default.',
    },
    'target.invalid': {
      title: 'The target address is malformed',
      hint: 'Write it like “http://192.168.1.20”, “udp://192.168.1.20:3232”, “pull://wlan0:8070/DEVICE-ID” or “serial:/dev/ttyUSB0”.',
    },
    'target.unknown': {
      title: 'No device with this name is known',
      hint: 'Run “flashproof devices” for the list of devices, or give the full address.',
    },
    'target.ambiguous': {
      title: 'More than one device has this name',
      hint: 'Give the full address or the MAC address of the device that is meant.',
    },
    'target.unsafe-path': {
      title: 'The path on the device holds parts that are not allowed',
      hint: 'Use a plain path without “..”, control characters or an empty part.',
    },
    'scan.range-invalid': {
      title: 'The range of addresses is malformed',
      hint: 'Write it like “192.168.4.0/24”, or give one address.',
    },
    'scan.range-too-large': {
      title: 'The range holds too many addresses to search at once',
      hint: 'Search at most 4096 addresses (a /20), as a rule a /24.',
    },
    'scan.range-public': {
      title: 'The range does not belong to a local network',
      hint: 'Search a private range or a network of this computer; say explicitly when other addresses are meant.',
    },
    'scan.running': {
      title: 'A search for devices already runs',
      hint: 'Wait until it ends, or cancel it first.',
    },
    'devices-file.invalid': {
      title: 'The file with devices has lines that cannot be read',
      hint: 'Correct the lines that are named and import the file again.',
    },
    'protocol.unknown': {
      title: 'Unknown protocol',
      hint: 'Correct the name, or leave it out, so that the device is asked.',
    },
    'protocol.not-detected': {
      title: 'The device answered no known update protocol',
      hint: 'Check the address, or choose the protocol under “How”, on the command line with “--protocol”.',
    },
    'protocol.ambiguous': {
      title: 'The device answers more than one update protocol',
      hint: 'Choose one of them under “How”, on the command line with “--protocol”.',
    },
    'protocol.endpoint-not-accepted': {
      title: 'The protocol does not work over this kind of connection',
      hint: 'Choose another protocol or another connection to the device.',
    },
    'require.unreachable-level': {
      title: 'The required proof cannot be reached with this device and protocol',
      hint: 'Require a lower level, or use a protocol that can prove more.',
    },

    'device.busy': {
      title: 'The device or its port is in use',
      hint: 'Wait until it is free, or close the program that holds it.',
    },
    'device.identity-changed': {
      title: 'Another device answers at this address',
      hint: 'Check the connections and start a new job for the device that is meant.',
    },
    'device.unidentified': {
      title: 'The device does not tell who it is',
      hint: 'Check by eye that the right board is connected, then accept “resume-unidentified”.',
    },
    'device.wrong-chip': {
      title: 'The device has another chip than the firmware needs',
      hint: 'Choose the build for the chip of this device.',
    },
    'device.no-space': {
      title: 'The device has no room for the firmware',
      hint: 'Free space on the device or use a smaller build.',
    },
    'device.not-speaking': {
      title: 'The device does not speak the expected protocol',
      hint: 'Check the port, the speed and whether the board is in update mode.',
    },
    'device.unauthorised': {
      title: 'The device refused the credentials',
      hint: 'Check the user name and the password or key of the device.',
    },
    'device.rejected': {
      title: 'The device refused the data',
      hint: 'Remove the cause that the device gives, or restart the device, then resume the job.',
    },
    'device.bad-answer': {
      title: 'The answer of the device cannot be understood',
      hint: 'Try again; check the cable or the network when it repeats.',
    },
    'device.session-lost': {
      title: 'The device forgot the running update',
      hint: 'Resume the job; the device decides what has to be sent again.',
    },
    'device.reboot-not-seen': {
      title: 'The restart of the device was not seen',
      hint: 'Restart the device by hand and check its version.',
    },
    'device.unresponsive': {
      title: 'The device stopped answering',
      hint: 'Check power and connection, then resume the job.',
    },
    'device.no-request': {
      title: 'The device has asked for nothing yet',
      hint: 'Check that the device is on the network of this PC, that it asks the address shown, and that no firewall of this PC blocks the port.',
    },
    'device.no-connect-back': {
      title: 'The device took the invitation and did not connect to this PC',
      hint: 'Allow incoming connections to Flashproof in the firewall of this PC, and check that the device and this PC are on the same network without client isolation.',
    },
    'device.stalled': {
      title: 'The device stopped asking for chunks',
      hint: 'Check its power and its network; a device that begins again is served from the start.',
    },
    'device.refused': {
      title: 'The device refused the upload',
      hint: 'Remove the cause that the device gives, or choose other options for this protocol, then resume the job.',
    },
    'device.foreign-address': {
      title: 'The device sends the upload to another server',
      hint: 'Nothing was sent there. Check that this is the right device, and reach it by the address that it names itself.',
    },
    'device.refused-image': {
      title: 'The device refused the firmware',
      hint: 'Check that the key here is the one in the device and that the image was built for this board, then start a new job.',
    },
    'relay.not-stored': {
      title: 'The gateway has no firmware to pass on',
      hint: 'Send it again; the gateway may have restarted or run out of room.',
    },
    'relay.not-ready': {
      title: 'The STM32 does not answer the gateway',
      hint: 'Check power, ground and the two UART wires between gateway and STM32, and that its update program runs; then resume.',
    },
    'relay.length-refused': {
      title: 'The STM32 refused the length of the firmware',
      hint: 'Check that the image was built for this STM32 and fits into its program area.',
    },
    'relay.broke-off': {
      title: 'The gateway could not finish writing to the STM32',
      hint: 'Restart the update program of the STM32 and check its wires, then resume; its old firmware may be gone.',
    },
    'relay.sum-differs': {
      title: 'The STM32 counted another checksum',
      hint: 'Do not use the board; shorten or shield the UART wires, then resume, which sends everything again.',
    },

    'network.refused': {
      title: 'The device refused the connection',
      hint: 'Check the port number and whether the update service is running on the device.',
    },
    'network.unreachable': {
      title: 'There is no route to the device',
      hint: 'Check that this PC and the device are on the same network.',
    },
    'network.reset': {
      title: 'The connection was cut',
      hint: 'Check the signal strength, the cables and the power supply of the device, then resume.',
    },
    'network.timeout': {
      title: 'No answer in time',
      hint: 'Check the address and the network, for a serial line the cable and the rate, then try again.',
    },
    'network.name-not-found': {
      title: 'The name of the device was not found on the network',
      hint: 'Check the spelling or use the IP address.',
    },
    'network.answer-too-large': {
      title: 'The answer is too large and was not read to the end',
      hint: 'Check that the address belongs to the device and not to another server.',
    },
    'network.port-busy': {
      title: 'The port on this PC is in use or not allowed',
      hint: 'Choose another port, from 1024 on, or leave it out; or close the program that holds it.',
    },

    'serial.port-missing': {
      title: 'The serial port is not there',
      hint: 'Plug the board in, or choose another port; the device list shows what is plugged in.',
    },
    'serial.port-busy': {
      title: 'Another program uses the serial port',
      hint: 'Close the program that is named in the details: a serial monitor, an IDE or another Flashproof.',
    },
    'serial.permission-denied': {
      title: 'This user may not open the serial port',
      hint: 'Install the udev rule of Flashproof or add the user to the group named in the details, then sign in again.',
    },
    'serial.driver-missing': {
      title: 'The driver for serial ports did not load',
      hint: 'Install Flashproof again; for an adapter that is not listed, install the driver of its maker.',
    },
    'serial.held-by-service': {
      title: 'A service of this computer takes the serial port',
      hint: 'Stop the service that is named in the details, or install the udev rule of Flashproof that keeps it away.',
    },
    'serial.unplugged': {
      title: 'The serial port went away',
      hint: 'Plug the board in again; the job goes on with what is missing.',
    },
    'serial.unstable': {
      title: 'The serial port comes and goes',
      hint: 'Use another cable, and a socket of the computer itself or a hub with its own power.',
    },
    'serial.failed': {
      title: 'The serial port failed',
      hint: 'Plug the board in again; try another socket when it happens again.',
    },
    'serial.not-rfc2217': {
      title: 'The server does not offer a serial port over RFC 2217',
      hint: 'Turn RFC 2217 on in the server (ser2net: telnet(rfc2217)), or write tcp:// for bytes alone, without rate and modem lines.',
    },
    'loader.no-answer': {
      title: 'The bootloader does not answer',
      hint: 'Bring the chip into its bootloader and start again (ESP32: hold BOOT, tap RESET, release BOOT; STM32: BOOT0 high, then reset); check cable, power and the rate.',
    },
    'loader.not-in-download-mode': {
      title: 'The board starts its program instead of its bootloader',
      hint: 'Hold BOOT, tap RESET, release BOOT, and start again: the lines of this adapter do not reach the board.',
    },
    'loader.broken-frame': {
      title: 'The bootloader’s answer arrived damaged',
      hint: 'Try again with a lower rate, a shorter cable or another adapter.',
    },
    'loader.silent': {
      title: 'The bootloader stopped answering',
      hint: 'Try again with a lower rate, a shorter cable or another adapter; look whether the board lost its power.',
    },
    'loader.refused': {
      title: 'The bootloader refused a command',
      hint: 'The details say which one and why; try again with a lower rate.',
    },
    'loader.unknown-chip': {
      title: 'The bootloader belongs to a chip that is not known here',
      hint: 'Check that the protocol is the right one for this board; name the size of its flash where the protocol has an option for it.',
    },
    'loader.protected': {
      title: 'The chip is protected against this',
      hint: 'The details name the protection. What removes it may erase the chip: it is never done without being typed.',
    },
    'loader.flash-differs': {
      title: 'The flash does not hold what was written',
      hint: 'Write again; a place that differs each time is protected or worn out.',
    },
    'image.address-needed': {
      title: 'The file does not say where in flash it belongs',
      hint: 'Name the address (ESP32: --set address=0x10000, STM32: --set base=0x08004000), or use a file that carries addresses (HEX, a flash set, a merged image).',
    },
    'image.outside-flash': {
      title: 'The firmware reaches past the flash of this chip',
      hint: 'Choose the build for this board; the details name the address and the size of the flash.',
    },
    'job.not-found': { title: 'No such job', hint: 'Run “flashproof log list” for the jobs that exist.' },
    'job.wrong-state': {
      title: 'The job is in a state that does not allow this',
      hint: 'Look at the current state of the job first.',
    },
    'job.cancelled': {
      title: 'Job cancelled',
      hint: 'Read what is on the board now before unplugging it; the job can be resumed.',
    },
    'job.decision-needed': {
      title: 'The job needs a decision',
      hint: 'Answer the question when it is asked, or accept its code in advance with “--accept”.',
    },
    'job.outcome-unknown': {
      title: 'The last answer was lost, so the outcome is not known',
      hint: 'Restart the device and check its version, or send the firmware again.',
    },
    'job.retries-exhausted': {
      title: 'All retries failed',
      hint: 'Remove the cause of the last failure, then resume the job.',
    },
    'job.batch-stopped': {
      title: 'The job was not started because the batch stopped',
      hint: 'Look at the failed jobs of the batch, then start the rest again.',
    },
    'job.slept': {
      title: 'The computer slept during the job',
      hint: 'The job goes on by itself once the board has said again who it is.',
    },
    'job.resume-refused': {
      title: 'The job cannot go on where it stopped',
      hint: 'Start a new job; the image, the device or the slot has changed.',
    },

    'journal.disk-full': {
      title: 'The disk of the journal is full, so the jobs are paused',
      hint: 'Free some space, then resume the jobs.',
    },
    'journal.unreadable': {
      title: 'The journal could not be read and was set aside',
      hint: 'Keep the damaged file, because its records may still be recovered.',
    },
    'journal.newer-version': {
      title: 'The journal was written by a newer Flashproof',
      hint: 'Update Flashproof; until then the journal is only read.',
    },
    'journal.read-only': {
      title: 'The journal is read-only',
      hint: 'Make its folder writable or choose another home folder.',
    },
    'journal.chain-broken': {
      title: 'The chain of records is broken: a record was changed, removed or added',
      hint: 'Compare with an earlier export, from the first broken record on.',
    },
    'journal.export-invalid': {
      title: 'This file is not a valid export of the journal',
      hint: 'Choose a file that “flashproof log export” wrote.',
    },
    'journal.image-missing': {
      title: 'The stored firmware image of the job is missing',
      hint: 'Start a new job with the firmware file.',
    },
    'journal.unavailable': {
      title: 'This runtime has no SQLite for the journal',
      hint: 'Use Node 24 or newer, or the installed application.',
    },
    'journal.wrong-kind': {
      title: 'Simulated and real jobs do not share a journal',
      hint: 'Use the practice journal for virtual devices and the station journal for real ones.',
    },
  },

  words: {
    'level.sent': 'Sent by this PC',
    'level.acknowledged': 'Device says OK',
    'level.received': 'Arrived intact',
    'level.stored': 'Checked in flash',
    'level.running': 'Running after restart',
    'level.confirmed': 'Stayed healthy',

    'verdict.proven': 'Proven',
    'verdict.running': 'Running after restart',
    'verdict.received': 'Arrived intact',
    'verdict.acknowledged': 'Device says OK',
    'verdict.sent': 'Sent by this PC',
    'verdict.unproven': 'Not proven',
    'verdict.none': 'No verdict yet',

    'reason.contradicted': 'the board contradicts itself or our image',
    'reason.below-required': 'less was proved than required',
    'reason.outcome-unknown': 'the last answer was lost',
    'reason.not-answered': 'the device did not answer',

    'state.queued': 'Queued',
    'state.connecting': 'Connecting',
    'state.preparing': 'Preparing',
    'state.transferring': 'Sending',
    'state.verifying': 'Checking',
    'state.rebooting': 'Restarting',
    'state.confirming': 'Watching after restart',
    'state.paused': 'Paused',
    'state.waiting': 'Waiting for a decision',
    'state.finished': 'Finished',
    'state.failed': 'Failed',
    'state.cancelled': 'Cancelled',
    'state.interrupted': 'Interrupted',

    'board.old-firmware': 'Old firmware',
    'board.new-firmware': 'New firmware',
    'board.not-bootable': 'Will not start',
    'board.unknown': 'Unknown',

    'unplug.safe': 'Safe to unplug',
    'unplug.keep-powered': 'Keep powered',
  },
}
