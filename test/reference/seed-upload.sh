#!/bin/bash
# Multi-part upload script for ESP32

FILE_PATH="$1"
REMOTE_NAME="${2:-$(basename "$FILE_PATH")}"
SERVER_URL="${3:-http://192.168.4.1}"
CHUNK_SIZE=4096  # 4KB chunks

# Get file size
FILE_SIZE=$(stat -c%s "$FILE_PATH")

# Calculate number of chunks
CHUNK_COUNT=$(( ($FILE_SIZE + $CHUNK_SIZE - 1) / $CHUNK_SIZE ))

echo "Uploading $FILE_PATH ($FILE_SIZE bytes) in $CHUNK_COUNT chunks"

# Upload each chunk
for ((i=0; i<$CHUNK_COUNT; i++)); do
    # Calculate chunk size (last chunk may be smaller)
    if [ $i -eq $(($CHUNK_COUNT-1)) ]; then
        CURRENT_CHUNK_SIZE=$(($FILE_SIZE - ($i * $CHUNK_SIZE)))
    else
        CURRENT_CHUNK_SIZE=$CHUNK_SIZE
    fi

    # Extract chunk using dd
    dd if="$FILE_PATH" bs=1 skip=$(($i * $CHUNK_SIZE)) count=$CURRENT_CHUNK_SIZE of=chunk.$i 2>/dev/null

    # Upload chunk
    echo "Uploading chunk $i/$CHUNK_COUNT ($(($CURRENT_CHUNK_SIZE)) bytes)"
    RESPONSE=$(curl -s -X POST \
         --data-binary @chunk.$i \
         -H "Content-Length: $CURRENT_CHUNK_SIZE" \
         "$SERVER_URL/upload/chunk/$REMOTE_NAME/$i")

    # Check response
    if ! echo "$RESPONSE" | grep -q '"success":true'; then
        echo "Error uploading chunk $i: $RESPONSE"
        rm chunk.$i
        exit 1
    fi

    # Remove temp chunk file
    rm chunk.$i

    # Force small delay between chunks
    sleep 0.5
done

# Finalize upload
echo "Finalizing upload..."
RESPONSE=$(curl -s -X POST \
     -H "Content-Type: application/json" \
     -d "{\"total_chunks\": $CHUNK_COUNT}" \
     "$SERVER_URL/upload/complete/$REMOTE_NAME/$CHUNK_COUNT")

# Check response
if echo "$RESPONSE" | grep -q '"success":true'; then
    echo "Upload completed successfully"
else
    echo "Error finalizing upload: $RESPONSE"
    exit 1
fi
